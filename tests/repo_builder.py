"""Small repositories of either tool from one description.

    builder = RepoBuilder("hg")
    builder.commit("first", {"a.txt": "one\\n"})
    builder.commit("second", {"a.txt": "two\\n", "bin/run": File(b"#!/bin/sh\\n", executable=True)}, branch="stable")
    ids = builder.build(path)          # message -> raw_id

Two processes make a Git repository, one a Mercurial repository; the same description is built once and then copied.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

ALICE = "Alice Example <alice@example.com>"
BOB = "Bob Builder <bob@example.com>"
START = datetime(2010, 1, 1, 12, 30, tzinfo=UTC)  # the first changeset; each later one a day after

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HGRCPATH": "",
    "HGPLAIN": "1",
    "HGENCODING": "utf-8",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class File:
    content: bytes
    executable: bool = False
    link: bool = False  # the content is the target


Content = str | bytes | File


@dataclass
class _Commit:
    message: str
    branch: str
    parents: list[str]
    tree: dict[bytes, File]
    delta: dict[bytes, File | None]  # against the first parent
    copies: dict[bytes, bytes]  # new -> old
    author: str
    date: datetime
    closes: bool = False


@dataclass
class _Tag:
    name: str
    at: str
    annotation: str | None
    onto: str | None  # Mercurial: the parent of the commit to .hgtags


@dataclass
class _Bookmark:
    name: str
    at: str


@dataclass
class RepoBuilder:
    """``kind``: "hg" or "git". Every commit is named by its message's first line, or by ``name``."""

    kind: Literal["hg", "git"] | str  # noqa: PYI051
    _steps: list[_Commit | _Tag | _Bookmark] = field(default_factory=list)
    _commits: dict[str, _Commit] = field(default_factory=dict)
    _heads: dict[str, str] = field(default_factory=dict)
    _last: str | None = None

    @property
    def trunk(self) -> str:
        """The branch that commits are on unless they say otherwise."""
        return "default" if self.kind == "hg" else "main"

    def commit(
        self,
        message: str,
        files: Mapping[str, Content | None] | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        branch: str | None = None,
        parents: Sequence[str] | None = None,
        author: str = ALICE,
        date: datetime | None = None,
        closes: bool = False,
        name: str | None = None,
    ) -> str:
        """Add a commit; its name. ``files``: content, or ``None`` to remove. ``rename``: old path -> new path.

        ``parents``: names; without them the head of the branch, else the last commit. ``closes``: Mercurial only.
        """
        branch = branch or self.trunk
        if parents is None:
            head = self._heads.get(branch, self._last)
            parents = [head] if head is not None else []
        tree = self._merged(list(parents))
        copies: dict[bytes, bytes] = {}
        for old, new in (rename or {}).items():
            tree[_bytes(new)] = tree.pop(_bytes(old))
            copies[_bytes(new)] = _bytes(old)
        for path, content in (files or {}).items():
            if content is None:
                del tree[_bytes(path)]
            else:
                tree[_bytes(path)] = _file(content)
        before = self._commits[parents[0]].tree if parents else {}
        delta: dict[bytes, File | None] = {path: None for path in before if path not in tree}
        delta |= {path: file for path, file in tree.items() if before.get(path) != file}
        when = date or START + timedelta(days=len(self._steps))
        commit = _Commit(message, branch, list(parents), tree, delta, copies, author, when, closes)
        name = name or message.partition("\n")[0]
        if name in self._commits:
            raise ValueError(f"two commits are named {name!r}")
        self._steps.append(commit)
        self._commits[name] = commit
        self._heads[branch] = self._last = name
        return name

    def merge(
        self,
        other: str,
        message: str,
        files: Mapping[str, Content | None] | None = None,
        *,
        branch: str | None = None,
        author: str = ALICE,
    ) -> str:
        """Merge the branch or commit ``other`` into the branch; where both changed a file, the other's is taken."""
        branch = branch or self.trunk
        parents = [self._heads[branch], self._heads.get(other, other)]
        return self.commit(message, files, branch=branch, parents=parents, author=author)

    def tag(self, name: str, at: str | None = None, *, annotation: str | None = None) -> None:
        """Tag a commit, the last by default. Mercurial: by a commit on the trunk, which is named "tag NAME"."""
        at = at or self._require_last()
        if self.kind != "hg":
            self._steps.append(_Tag(name, at, annotation, None))
            return
        onto = self._heads.get(self.trunk, at)
        self._steps.append(_Tag(name, at, annotation, onto))
        itself = f"tag {name}"
        tree = self._commits[onto].tree
        self._commits[itself] = _Commit(itself, self.trunk, [onto], tree, {}, {}, ALICE, START)
        self._heads[self.trunk] = self._last = itself

    def bookmark(self, name: str, at: str | None = None) -> None:
        """Mercurial only."""
        self._steps.append(_Bookmark(name, at or self._require_last()))

    def build(self, path: Path) -> dict[str, str]:
        """Make the repository at ``path``, which must not exist; the raw_id of every commit by its name."""
        names = {id(commit): name for name, commit in self._commits.items()}
        plan = pickle.dumps([(names.get(id(step)), type(step).__name__, _plain(step)) for step in self._steps])
        key = hashlib.sha256(self.kind.encode() + plan).hexdigest()
        template = _templates() / key
        if not template.exists():
            with tempfile.TemporaryDirectory(dir=_templates()) as scratch:
                made = Path(scratch, "repository")
                ids = _build_hg(made, plan) if self.kind == "hg" else self._build_git(made, names)
                Path(scratch, "ids").write_bytes(pickle.dumps(ids))
                Path(scratch).rename(template)
                Path(scratch).mkdir()
        shutil.copytree(template / "repository", path, symlinks=True)
        ids = pickle.loads((template / "ids").read_bytes())
        return dict(ids)

    def _require_last(self) -> str:
        if self._last is None:
            raise ValueError("there is no commit yet")
        return self._last

    def _merged(self, parents: list[str]) -> dict[bytes, File]:
        if not parents:
            return {}
        ours = dict(self._commits[parents[0]].tree)
        for parent in parents[1:]:
            theirs = self._commits[parent].tree
            mine = set(self._ancestors(parents[0]))
            base = next((name for name in self._ancestors(parent) if name in mine), None)
            before = self._commits[base].tree if base is not None else {}
            for path in before.keys() | theirs.keys():
                if theirs.get(path) != before.get(path):
                    if path in theirs:
                        ours[path] = theirs[path]
                    else:
                        ours.pop(path, None)
        return ours

    def _ancestors(self, name: str) -> list[str]:
        """The commit and its ancestors, newest first."""
        order = list(self._commits)
        found = {name}
        for candidate in reversed(order):
            if candidate in found:
                found.update(self._commits[candidate].parents)
        return [candidate for candidate in reversed(order) if candidate in found]

    def _build_git(self, path: Path, names: dict[int, str]) -> dict[str, str]:
        _run("git", "init", "-q", "--bare", "--template=", "-b", self.trunk, str(path))
        marks = {name: number for number, name in enumerate(self._commits, 1)}
        stream: list[bytes] = []
        for step in self._steps:
            if isinstance(step, _Commit):
                name = names[id(step)]
                stream.append(f"commit refs/heads/{step.branch}\nmark :{marks[name]}\n".encode())
                stream.append(_person(b"author", step.author, step.date))
                stream.append(_person(b"committer", step.author, step.date))
                stream.append(_data((step.message + "\n").encode()))
                for number, parent in enumerate(step.parents):
                    stream.append(b"%b :%d\n" % (b"merge" if number else b"from", marks[parent]))
                for file, content in step.delta.items():
                    if content is None:
                        stream.append(b"D " + _quoted(file) + b"\n")
                    else:
                        mode = b"120000" if content.link else b"100755" if content.executable else b"100644"
                        stream += [b"M ", mode, b" inline ", _quoted(file), b"\n", _data(content.content)]
            elif isinstance(step, _Tag) and step.annotation is None:
                stream.append(f"reset refs/tags/{step.name}\nfrom :{marks[step.at]}\n\n".encode())
            elif isinstance(step, _Tag):
                stream.append(f"tag {step.name}\nfrom :{marks[step.at]}\n".encode())
                stream.append(_person(b"tagger", ALICE, START))
                stream.append(_data((step.annotation or "").encode()))
            else:
                raise TypeError("Git has no bookmarks")
        for step in self._steps:  # "commit" resets a branch that starts at another one's commit only once it is named
            if isinstance(step, _Commit):
                stream.append(f"get-mark :{marks[names[id(step)]]}\n".encode())
        output = _run("git", "fast-import", "--quiet", "--force", cwd=path, input=b"".join(stream))
        return dict(zip(marks, output.decode().split(), strict=True))


def _plain(step: _Commit | _Tag | _Bookmark) -> dict[str, object]:
    """A step without classes of this module, for the process that knows Mercurial."""
    if not isinstance(step, _Commit):
        return dict(vars(step))
    files = {
        path: None if file is None else (file.content, file.executable, file.link) for path, file in step.delta.items()
    }
    offset = step.date.utcoffset() or timedelta()
    date = (step.date.timestamp(), -int(offset.total_seconds()))
    return {
        **{name: getattr(step, name) for name in ("message", "branch", "parents", "copies", "author", "closes")},
        "files": files,
        "date": date,
    }


_BUILD_HG = """
import pickle, sys
from mercurial import context, hg, node, ui
repo = hg.repository(ui.ui.load(), sys.argv[1].encode(), create=True)
ids = {}
def commit(name, parents, files, copies, message, author, date, branch, closes):
    def content(repo, ctx, path):
        if files[path] is None:
            return None
        data, executable, link = files[path]
        return context.memfilectx(repo, ctx, path, data, link, executable, copysource=copies.get(path))
    extra = {b"branch": branch.encode()}
    if closes:
        extra[b"close"] = b"1"
    pair = [ids[parent] for parent in parents] + [repo.nullid] * (2 - len(parents))
    ctx = context.memctx(repo, pair, message.encode(), sorted(files), content, author.encode(), date, extra)
    ids[name] = repo.commitctx(ctx)
with repo.lock(), repo.transaction(b"build") as transaction:
    for name, step, values in pickle.loads(sys.stdin.buffer.read()):
        if step == "_Commit":
            commit(name, **values)
        elif step == "_Tag":
            onto = values["onto"]
            old = repo[ids[onto]]
            lines = old[b".hgtags"].data() if b".hgtags" in old else b""
            lines += node.hex(ids[values["at"]]) + b" " + values["name"].encode() + b"\\n"
            date = (1262349000 + 86400 * len(ids), 0)
            author = "Alice Example <alice@example.com>"
            message = "Added tag " + values["name"]
            files = {b".hgtags": (lines, False, False)}
            commit("tag " + values["name"], [onto], files, {}, message, author, date, "default", False)
        else:
            repo._bookmarks.applychanges(repo, transaction, [(values["name"].encode(), ids[values["at"]])])
sys.stdout.buffer.write(pickle.dumps({name: node.hex(id).decode() for name, id in ids.items()}))
"""


def _build_hg(path: Path, plan: bytes) -> dict[str, str]:
    output = _run(sys.executable, "-W", "ignore", "-c", _BUILD_HG, str(path), input=plan)
    ids: dict[str, str] = pickle.loads(output)
    return ids


def _run(*args: str, cwd: Path | None = None, input: bytes = b"") -> bytes:
    done = subprocess.run(args, cwd=cwd, env=ENVIRONMENT, input=input, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def git(path: Path, *args: str, input: bytes = b"") -> str:
    """Run Git in a repository; its output without the last line end."""
    return _run("git", "-C", str(path), *args, input=input).decode("utf-8", "surrogateescape").rstrip("\n")


def hg(path: Path, *args: str) -> str:
    """Run Mercurial in a repository; its output without the last line end."""
    program = Path(sys.executable).with_name("hg")
    return _run(str(program), "-R", str(path), *args).decode("utf-8", "surrogateescape").rstrip("\n")


_folder: list[Path] = []


def _templates() -> Path:
    if not _folder:
        _folder.append(Path(tempfile.mkdtemp(prefix="repo-templates-")))
        atexit.register(shutil.rmtree, _folder[0], ignore_errors=True)
    return _folder[0]


def _file(content: Content) -> File:
    if isinstance(content, File):
        return content
    return File(content.encode() if isinstance(content, str) else content)


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _person(role: bytes, who: str, when: datetime) -> bytes:
    if "<" not in who:
        who += " <>"
    return b"%b %b %d %b\n" % (role, who.encode(), when.timestamp(), when.strftime("%z")[:5].encode())


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _quoted(path: bytes) -> bytes:
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def sample(kind: str) -> RepoBuilder:
    """A history with everything in it: two branches, a merge, a rename, tags, odd names, modes and contents."""
    builder = RepoBuilder(kind)
    builder.commit("Initial import", {"README": "Example\n\nA project.\n", "src/main.py": "print(1)\n" * 10})
    builder.commit(
        "Add runner and logo\n\nThe runner is executable.",
        {"bin/run.sh": File(b"#!/bin/sh\n", executable=True), "logo.bin": bytes(range(256)), "README": "Changed\n"},
        author=BOB,
        date=datetime(2010, 1, 2, 14, 30, tzinfo=UTC).astimezone(_east(2)),
    )
    builder.commit("Füge hinzu — ☃", {"docs/übersicht.txt": "äöü €\n", "docs/deep/er/est.txt": "deep"}, author="plain")
    builder.commit("Add a symlink", {"link": File(b"README", link=True), "docs/with space.txt": "x\n"})
    builder.commit("Stable edit", {"README": "Stable\n"}, branch="stable", parents=["Initial import"], author=BOB)
    builder.tag("v1.0", "Stable edit")
    builder.commit("Rename main", rename={"src/main.py": "src/app.py"})
    builder.commit("Feature", {"src/feature.py": "f\n"}, branch="feature/login")
    builder.commit("Trunk again", {"src/util.py": "u\n"})
    builder.merge("feature/login", "Merge feature")
    builder.commit("Executable", {"src/util.py": File(b"u\n", executable=True)}, author=BOB)
    builder.commit("Remove", {"logo.bin": None})
    builder.tag("v1.1", "Remove", annotation="The release")
    if kind == "hg":
        builder.commit("Close stable", branch="stable", parents=["Stable edit"], closes=True)
        builder.bookmark("marked", "Add a symlink")
    return builder


def _east(hours: int) -> timezone:
    return timezone(timedelta(hours=hours))
