"""Making, copying, feeding and checking repositories."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from repos.vcs.backend import ProgressCallback
from repos.vcs.errors import RemoteError, RepositoryNotFound, ToolError, VcsError
from repos.vcs.git import readers, references
from repos.vcs.git.content import GitContent
from repos.vcs.git.isolation import git, git_environment, view
from repos.vcs.process import Argument, run
from repos.vcs.remote import open_remote
from repos.vcs.types import Kind

TRANSFER_TIMEOUT = 3600.0
TRANSFER_MEMORY = 4 << 30  # bytes: Git keeps the list of references whole, and a remote may send one without end
CHECK_TIMEOUT = 1800.0
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_HIDDEN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_-]+)*")
_LOOSE_PER_FOLDER = 8  # times 256 folders: so many loose objects are worth a pack
_LOOSE_REFERENCES = 200  # each costs a stat whenever the state is asked for
_PACKS = 20
_GRAPH_AGE = 3600.0  # seconds; commits that came since are read without it
_PROBLEMS_KEPT = 1000
_UNFINISHED = "tmp_"  # what Git is writing: objects, packs, and folders of what a push brings until it is accepted
_ABANDONED = 86400.0  # seconds after which nobody writes to it any more


class GitLifecycle(GitContent):
    @classmethod
    def create(cls, path: Path) -> None:
        if path.exists():
            raise VcsError(f"{path.name} exists already")
        run(git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", path), env=git_environment())

    @classmethod
    def clone_local(cls, source: Path, path: Path, progress: ProgressCallback | None = None) -> None:
        cls._clone(path, partial(cls._copy_from, source=source, progress=progress))

    @classmethod
    def clone_remote(cls, url: str, path: Path, progress: ProgressCallback | None = None) -> None:
        cls._clone(path, partial(cls._clone_from, url=url, progress=progress))

    @classmethod
    def _clone(cls, path: Path, fill: Callable[[Self], None]) -> None:
        cls.create(path)
        copy = cls(path)
        try:
            fill(copy)
        except BaseException:
            copy.close()
            shutil.rmtree(path, ignore_errors=True)
            raise

    def _copy_from(self, source: Path, progress: ProgressCallback | None) -> None:
        """Link the objects and write the references in one file: no process, whatever the size."""
        original = type(self)(source)
        for attempt in range(3):
            refs = references.named_objects(source)  # before the objects: those of these are then all there
            try:
                _link_objects(source / "objects", self.path / "objects")
                break
            except FileNotFoundError:  # repacked meanwhile
                if attempt == 2 or not source.exists():
                    raise RepositoryNotFound(f"no Git repository at {source.name}") from None
        lines = (f"{oid} {name}\n" for name, oid in sorted(refs.items()))
        (self.path / "packed-refs").write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
        self._set_head(original.refs().head)
        if progress is not None:
            progress("done")

    def _clone_from(self, url: str, progress: ProgressCallback | None) -> None:
        with open_remote(url, Kind.GIT) as remote:
            head = self._remote_head(remote.url, remote.env)
            self._fetch_remote(remote.url, remote.env, progress)
        self._set_head(head)

    def pull_remote(self, url: str, progress: ProgressCallback | None = None) -> None:
        with open_remote(url, Kind.GIT) as remote:
            self._fetch_remote(remote.url, remote.env, progress)
        self.follow_head()

    def pull_local(self, source: Path) -> None:
        with view(source) as origin:
            self._fetch(origin, _EVERYTHING, protocols=("file",))
        self.follow_head()

    def fetch_changesets(self, source: Path, raw_ids: Sequence[str], keep_as: str, beyond: str | None = None) -> None:
        if not _HIDDEN_NAME.fullmatch(keep_as) or keep_as.split("/", maxsplit=1)[0] in ("heads", "tags"):
            raise VcsError("not a name for hidden references")
        self._require_commits(*raw_ids, at=source)
        names = [f"refs/{keep_as}/{number}" for number in range(len(raw_ids))]
        if source == self.path:
            self._update_refs("".join(f"update {name} {oid}\n" for name, oid in zip(names, raw_ids, strict=True)))
            return
        with view(source) as origin:
            self._fetch(
                origin, [f"+{oid}:{name}" for name, oid in zip(names, raw_ids, strict=True)], protocols=("file",)
            )

    def recall(self, raw_id: str) -> bool:
        return False  # the hidden references lose nothing

    def _fetch_remote(self, url: str, env: Mapping[str, str], progress: ProgressCallback | None) -> None:
        try:
            self._fetch(url, _EVERYTHING, protocols=("http", "https", "ssh", "git"), extra=env, progress=progress)
        except ToolError as error:
            raise RemoteError(error.stderr.strip() or "the remote repository could not be read") from None

    def _fetch(
        self,
        source: Argument,
        refspecs: Sequence[str],
        *,
        protocols: Sequence[str],
        extra: Mapping[str, str] | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        with view(self.path) as here:
            run(
                git(
                    *("fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
                    *("--no-recurse-submodules", "--update-head-ok", "--progress" if progress else "--quiet"),
                    *("--end-of-options", source, *refspecs),
                ),
                env=git_environment(protocols=protocols, extra={**(extra or {}), "GIT_DIR": str(here)}),
                timeout=TRANSFER_TIMEOUT,
                on_stderr=progress,
                memory=TRANSFER_MEMORY,
            )

    def _remote_head(self, url: str, env: Mapping[str, str]) -> str | None:
        try:
            output = run(
                git("ls-remote", "--symref", "--end-of-options", url, "HEAD"),
                env=git_environment(protocols=("http", "https", "ssh", "git"), extra=env),
                memory=TRANSFER_MEMORY,
            )
        except ToolError as error:
            raise RemoteError(error.stderr.strip() or "the remote repository could not be read") from None
        match = re.match(rb"ref: refs/heads/([^\t\n]+)\tHEAD\n", output)
        return match[1].decode("utf-8", "replace") if match else None

    # -- HEAD ------------------------------------------------------------------------------------------------------

    def follow_head(self) -> None:
        """Where HEAD names no branch that exists, let it name one that does: after the first push, for instance."""
        branches = self.refs().branches
        if references.head_name(self.path) not in branches:
            self._set_head(references.head_for(branches))

    def _set_head(self, branch: str | None) -> None:
        if branch is not None and branch in self.refs().branches:
            _replace(self.path / "HEAD", f"ref: refs/heads/{branch}\n".encode())

    def _update_refs(self, commands: str) -> None:
        with view(self.path) as here:
            run(
                git("update-ref", "--no-deref", "--stdin"),
                input=commands.encode("utf-8", "surrogateescape"),
                env=git_environment(extra={"GIT_DIR": str(here)}),
            )

    # -- care ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        readers.close(self.path)

    def verify(self) -> list[str]:
        problems: list[str] = []

        def hear(line: str) -> None:
            if len(problems) < _PROBLEMS_KEPT and not line.startswith(("notice:", "dangling ")):
                problems.append(line)

        with view(self.path) as here:
            output = run(
                git("fsck", "--full", "--no-dangling", "--no-progress"),
                env=git_environment(extra={"GIT_DIR": str(here)}),
                timeout=CHECK_TIMEOUT,
                ok=range(256),
                on_stderr=hear,
            )
        for line in output.decode("utf-8", "replace").splitlines():
            hear(line)
        return problems

    def size(self) -> int:
        if not self.path.is_dir():
            raise RepositoryNotFound(f"no Git repository at {self.path.name}")
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    continue
        return total

    def set_description(self, description: str) -> None:
        if not self.path.is_dir():
            raise RepositoryNotFound(f"no Git repository at {self.path.name}")
        _replace(self.path / "description", description.strip().encode("utf-8", "replace") + b"\n")

    def wants_care(self) -> bool:
        try:
            graph = (self.path / "objects" / "info" / "commit-graph").stat().st_mtime
        except FileNotFoundError:
            graph = 0.0
        return (
            time.time() - graph > _GRAPH_AGE
            or references.loose_count(self.path) > _LOOSE_REFERENCES
            or _scattered(self.path / "objects")
        )

    def optimise(self) -> None:
        self.follow_head()
        _sweep(self.path / "objects")
        with view(self.path) as here:
            env = git_environment(extra={"GIT_DIR": str(here)})
            try:
                if references.loose_count(self.path) > _LOOSE_REFERENCES:
                    run(git("pack-refs", "--all"), env=env)
                if _scattered(self.path / "objects"):
                    run(git("repack", "-d", "-q", "--geometric=2"), env=env, timeout=CHECK_TIMEOUT)
                run(
                    git("commit-graph", "write", "--reachable", "--changed-paths", "--no-progress"),
                    env=env,
                    timeout=CHECK_TIMEOUT,
                )
            except ToolError as error:
                if "File exists" not in error.stderr:  # else somebody holds the lock: it is being done
                    raise
        self.close()  # the processes hold the old packs open


def _link_objects(source: Path, target: Path) -> None:
    """Hard links where the file system can, copies where not; nothing but plain files, no alternates."""
    for folder, folders, names in os.walk(source):
        folders[:] = [
            name for name in folders if not (name.startswith(_UNFINISHED) or os.path.islink(os.path.join(folder, name)))
        ]
        here = target / os.path.relpath(folder, source)
        here.mkdir(exist_ok=True)
        for name in names:
            file = Path(folder, name)
            if file.is_symlink() or not file.is_file() or name.startswith(_UNFINISHED) or name.endswith(".lock"):
                continue
            if (here / name).exists():
                continue
            try:
                os.link(file, here / name, follow_symlinks=False)
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(file, here / name, follow_symlinks=False)


def _sweep(objects: Path) -> None:
    """Delete what processes that were killed had begun to write."""
    for folder in (objects, objects / "pack"):
        if folder.is_symlink():
            return
        for found in folder.glob(f"{_UNFINISHED}*"):
            with suppress(FileNotFoundError):
                status = found.lstat()
                if status.st_mtime < time.time() - _ABANDONED:
                    shutil.rmtree(found) if stat.S_ISDIR(status.st_mode) else found.unlink()


def _scattered(objects: Path) -> bool:
    """Many loose objects (Git's own estimate: one folder of 256 stands for all) or many packs."""
    return _entries(objects / "17") > _LOOSE_PER_FOLDER or _entries(objects / "pack", ".pack") > _PACKS


def _entries(folder: Path, suffix: str = "") -> int:
    try:
        return sum(name.endswith(suffix) for name in os.listdir(folder))
    except FileNotFoundError:
        return 0


def _replace(file: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as new:
        new.write(content)
        os.fchmod(new.fileno(), 0o644)
    os.replace(new.name, file)
