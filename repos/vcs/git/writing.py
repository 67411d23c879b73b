"""Changesets that the server makes itself, without a working folder."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from repos.vcs.errors import MergeConflict, RefMoved, ToolError, VcsError
from repos.vcs.git.history import path_bytes, require_hash
from repos.vcs.git.isolation import git, git_environment, objects_only
from repos.vcs.git.lifecycle import GitLifecycle
from repos.vcs.process import Stream, run
from repos.vcs.types import NULL_ID, FileWrite, MergePreview, Signature

_NOT_IN_NAMES = re.compile(r"[<>\x00-\x1f\x7f]+")
_MERGE_TIMEOUT = 120.0


class GitRepository(GitLifecycle):
    """A bare Git repository."""

    def commit(
        self, files: Sequence[FileWrite], *, message: str, author: Signature, branch: str, parent: str | None
    ) -> str:
        if parent is not None:
            self._require_commits(parent)
        old = self._expect(branch, parent)
        stream = [
            f"commit refs/import\nmark :1\n{_identity('author', author)}{_identity('committer', author)}".encode()
        ]
        stream.append(_data(_message(message)))
        if parent is not None:
            stream.append(f"from {parent}\n".encode("ascii"))
        for file in files:
            name = _quoted(_writable(file.path))
            if file.content is None:
                stream.append(b"D " + name + b"\n")
            else:
                mode = b"100755" if file.executable else b"100644"
                stream += [b"M ", mode, b" inline ", name, b"\n", _data(file.content)]
        stream.append(b"get-mark :1\ndone\n")
        with tempfile.TemporaryDirectory(prefix="git-import-") as scratch:  # takes the reference that the stream needs
            env = objects_only(self.path)
            (Path(scratch) / "refs").mkdir()
            (Path(scratch) / "objects").mkdir()
            (Path(scratch) / "HEAD").write_text("ref: refs/heads/none\n")
            env["GIT_DIR"] = scratch
            new = run(git("fast-import", "--quiet", "--done", "--force"), input=b"".join(stream), env=env)
        raw_id = require_hash(new.decode("ascii").strip())
        self._move(branch, old, raw_id)
        self.follow_head()
        return raw_id

    def large_file(self, source: Path, source_id: str, target_id: str, limit: int) -> tuple[str, int] | None:
        self._require_commits(target_id)
        self._require_commits(source_id, at=source)
        env = objects_only(self.path, also=[source])
        walk = git("rev-list", "--objects", source_id, f"^{target_id}")
        found = run([*walk, f"--filter=blob:limit={limit + 1}", "--filter-print-omitted"], env=env)
        large = {line[1:41] for line in found.splitlines() if line.startswith(b"~")}
        if not large:
            return None
        line = next(line for line in run(walk, env=env).splitlines() if line[:40] in large)
        size = run(git("cat-file", "-s", line[:40]), env=env)
        return line[41:].decode("utf-8", "surrogateescape"), int(size)

    def merge_preview(self, source: Path, source_id: str, target_id: str) -> MergePreview:
        self._require_commits(target_id)
        self._require_commits(source_id, at=source)
        ancestor = self._merge_base(target_id, source_id, also=[source])
        if ancestor is None or ancestor in (source_id, target_id):
            return MergePreview(ancestor=ancestor, fast_forward=ancestor == target_id)
        with tempfile.TemporaryDirectory(prefix="git-merge-") as scratch:
            _, conflicts = self._merge_trees(target_id, source_id, source, Path(scratch))
        return MergePreview(ancestor=ancestor, fast_forward=False, conflicts=conflicts)

    def merge(
        self,
        source: Path,
        source_id: str,
        *,
        target_branch: str,
        target_id: str,
        message: str,
        author: Signature,
        allow_fast_forward: bool = False,
    ) -> str:
        self._expect(target_branch, target_id)
        preview = self.merge_preview(source, source_id, target_id)
        if preview.ancestor is None:
            raise VcsError("the histories have no common changeset")
        if preview.conflicts:
            raise MergeConflict(preview.conflicts)
        if preview.ancestor == source_id:
            return target_id
        keep = f"merge/{source_id}"  # by a name that the next attempt takes as well, if this one is cut off
        self.fetch_changesets(source, [source_id], keep)
        try:
            new = source_id
            if not (preview.fast_forward and allow_fast_forward):
                new = self._merge_commit(source_id, target_id, message, author)
            self._move(target_branch, target_id, new)
        finally:
            self._update_refs(f"delete refs/{keep}/0\n")
        return new

    def _merge_commit(self, source_id: str, target_id: str, message: str, author: Signature) -> str:
        tree, conflicts = self._merge_trees(target_id, source_id, self.path, None)
        if conflicts:
            raise MergeConflict(conflicts)
        date = f"{int(author.date.timestamp())} {author.date.strftime('%z')[:5] or '+0000'}"
        name, email = _clean(author.name, author.email)
        people = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", email), ("DATE", date))
        }
        new = run(
            git("commit-tree", "-p", target_id, "-p", source_id, "-F", "-", tree),
            input=_message(message),
            env=objects_only(self.path, extra=people),
        )
        return require_hash(new.decode("ascii").strip())

    def _merge_trees(self, ours: str, theirs: str, source: Path, scratch: Path | None) -> tuple[str, tuple[str, ...]]:
        """(tree, paths in conflict). With ``scratch`` nothing is written to the repository."""
        with Stream(
            git("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs),
            env=objects_only(self.path, also=[source], scratch=scratch),
            timeout=_MERGE_TIMEOUT,
            ok=(0, 1),
        ) as output:
            tree, *paths = b"".join(output).split(b"\0")
            clean = output.status == 0
        names = sorted({path.decode("utf-8", "surrogateescape") for path in paths if path})
        return tree.decode("ascii"), () if clean else tuple(names)

    def _expect(self, branch: str, value: str | None) -> str:
        """The hash that ``branch`` must have when it is written, zeros for a new one; ``RefMoved`` when it has not."""
        current = self.refs().branches.get(branch)
        if current is not None and current != value:
            raise RefMoved(f"branch {branch} is at {current[:12]} now")
        return current or NULL_ID

    def _move(self, branch: str, old: str, new: str) -> None:
        if not branch or "\0" in branch or "\n" in branch or branch.startswith("-"):
            raise VcsError(f"{branch!r} is not a name for a branch")
        name = f"refs/heads/{branch}"
        run(git("check-ref-format", name), env=git_environment())
        try:
            self._update_refs(f"update {name} {new} {old}\n")
        except ToolError:
            if (self.refs().branches.get(branch) or NULL_ID) != old:
                raise RefMoved(f"branch {branch} has moved") from None
            raise


def _writable(path: str) -> bytes:
    """A path that may be written; ``VcsError`` for one that a checkout would refuse or that means a Git folder."""
    encoded = path.encode("utf-8", "surrogateescape")
    parts = encoded.split(b"/")
    if b"\0" in encoded or any(
        part in (b"", b".", b"..") or part.lower() == b".git" or part.lower().startswith(b"git~") for part in parts
    ):
        raise VcsError(f"{path!r} is not a path for a file")
    return path_bytes(path)


def _quoted(path: bytes) -> bytes:
    """A path in a fast-import stream, in C style."""
    escaped = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"'


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _clean(name: str, email: str) -> tuple[str, str]:
    """Name and address without what would end them in a commit's header."""
    email = _NOT_IN_NAMES.sub("", email).strip()
    return _NOT_IN_NAMES.sub(" ", name).strip() or email.partition("@")[0] or "unknown", email


def _message(text: str) -> bytes:
    """As every Git client writes it: with a final newline."""
    return text.rstrip("\n").replace("\0", "").encode("utf-8", "replace") + b"\n"


def _identity(role: str, who: Signature) -> str:
    name, email = _clean(who.name, who.email)
    return f"{role} {name} <{email}> {int(who.date.timestamp())} {who.date.strftime('%z')[:5] or '+0000'}\n"
