"""Git processes that stay: ``cat-file --batch-command`` and two ``diff-tree --stdin``, for each repository in use.

A reader belongs to a folder as it is now. A folder that was deleted, moved or replaced has another signature, so no
process of the server, whichever deleted it, goes on serving the old content.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from repos.vcs.errors import RepositoryNotFound, TooLarge
from repos.vcs.git.isolation import git, objects_only
from repos.vcs.process import Helper, HelperGone

MAX_READERS = 32  # repositories with open processes, per process of the server
IDLE = 300.0  # seconds after which a reader is ended
_BATCH = 64  # questions in flight: they must fit into a pipe while nobody reads the answers

_Signature = tuple[int, int, int, int]
T = TypeVar("T")


class Reader:
    """The helpers of one repository. Its methods are called with ``lock`` held, through :func:`ask`."""

    def __init__(self, path: Path, signature: _Signature) -> None:
        self.path = path
        self.signature = signature
        self.lock = threading.Lock()
        self.used = time.monotonic()
        self.ended = False
        self._cat: Helper | None = None
        self._diff: Helper | None = None
        self._patch: Helper | None = None

    def infos(self, names: Sequence[str]) -> list[tuple[str, str, int] | None]:
        """(hash, type, size) of each name, ``None`` for what does not exist. Names are hashes, peeled or not."""
        helper = self._cat_file()
        found: list[tuple[str, str, int] | None] = []
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            helper.write("".join(f"info {name}\n" for name in batch).encode("ascii"))
            found += [_header(helper.read_until(b"\n")) for _ in batch]
        return found

    def contents(self, names: Sequence[str], *, max_bytes: int | None = None) -> list[tuple[str, str, bytes] | None]:
        """(hash, type, content) of each name, ``None`` for what does not exist.

        ``TooLarge`` where all contents together have more than ``max_bytes``.
        """
        helper = self._cat_file()
        room = max_bytes
        found: list[tuple[str, str, bytes] | None] = []
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            helper.write("".join(f"contents {name}\n" for name in batch).encode("ascii"))
            for _ in batch:
                header = _header(helper.read_until(b"\n"))
                if header is None:
                    found.append(None)
                    continue
                if room is not None and (room := room - header[2]) < 0:
                    raise TooLarge(f"more than {max_bytes} bytes")
                found.append((header[0], header[1], helper.read(header[2] + 1)[:-1]))
        return found

    def changes(self, raw_id: str) -> bytes:
        """What ``diff-tree -m --name-status -z`` says of one commit."""
        if self._diff is None or not self._diff.alive:
            self._diff = Helper(git(*DIFF_TREE), env=objects_only(self.path))
        end = _end_mark()
        self._diff.write(raw_id.encode("ascii") + b"\n" + end)
        return self._diff.read_until(end)

    def patch(self, old: str | None, new: str, *, max_bytes: int) -> bytes | None:
        """The difference between two commits with the default options, ``None`` where one of them is no commit.

        ``old`` None: the first parent of ``new``. ``TooLarge`` above ``max_bytes``.
        """
        if self._patch is None or not self._patch.alive:
            self._patch = Helper(git(*PATCH_TREE), env=objects_only(self.path))
        names = [new] if old is None else [new, old]  # the other one in the place of its parent
        end = _end_mark()
        self._patch.write(f"{' '.join(names)}\n".encode("ascii") + end)
        infos = self.infos(names)  # another process says what they are while this one compares them
        if any(info is None or info[1] != "commit" for info in infos):
            self._patch.close()
            return None
        answer = self._patch.read_until(end, max_bytes=max_bytes)
        return answer.partition(b"\n")[2]  # after the commit's own hash

    def _cat_file(self) -> Helper:
        if self._cat is None or not self._cat.alive:
            self._cat = Helper(git("cat-file", "--batch-command"), env=objects_only(self.path))
        return self._cat

    def close(self) -> None:
        for helper in (self._cat, self._diff, self._patch):
            if helper is not None:
                helper.close()
        self._cat = self._diff = self._patch = None


def _end_mark() -> bytes:
    """A line that Git echoes after an answer. No name and no content in a repository can forge it: what comes after a
    forged one would be taken for the next answer."""
    return f"@{secrets.token_hex(16)}@\n".encode("ascii")


#: How differences look, with whatever options; a reader has the default ones.
PATCH_OPTIONS = ("-r", "-p", "--full-index", "--binary", "--no-ext-diff", "--no-textconv", "--no-color")
PATCH_TREE = (
    *("diff-tree", "--stdin", "--root", "--diff-merges=first-parent"),
    *(*PATCH_OPTIONS, "--unified=3", "--find-renames"),
)
DIFF_TREE = ("diff-tree", "--stdin", "-r", "-m", "--root", "-z", "--no-renames", "--no-ext-diff", "--name-status")

_readers: OrderedDict[Path, Reader] = OrderedDict()
_registry = threading.Lock()


def ask(path: Path, question: Callable[[Reader], T]) -> T:
    """The answer of the reader of the repository at ``path``; a reader that died is replaced once.

    Raises:
        TooLarge: the second one died of the question as well.
    """
    died = 0
    for _ in range(8):
        reader = _reader(path)
        with reader.lock:
            if reader.ended:
                continue  # closed between being found and being locked
            try:
                return question(reader)
            except HelperGone as error:
                reader.close()
                died += 1
                if died == 2:
                    raise TooLarge("the answer of git is too large") from error
            except BaseException:
                reader.close()  # half an answer may be in the pipe
                raise
    raise HelperGone("git")


def close(path: Path) -> None:
    """End the processes that have this repository open in this process of the server."""
    with _registry:
        reader = _readers.pop(path, None)
    if reader is not None:
        _end(reader)


def signature(path: Path) -> _Signature:
    """What tells this repository from another one that lies at the same path later. ``RepositoryNotFound``."""
    try:
        folder = os.stat(path)
        config = os.stat(path / "config")
    except FileNotFoundError:
        if not (path / "HEAD").is_file():
            raise RepositoryNotFound(f"no Git repository at {path.name}") from None
        return (folder.st_dev, folder.st_ino, 0, 0)
    except NotADirectoryError:
        raise RepositoryNotFound(f"no Git repository at {path.name}") from None
    # The inode alone is reused at once by some file systems; the configuration file is never rewritten by a push.
    return (folder.st_dev, folder.st_ino, config.st_ino, config.st_ctime_ns)


def _reader(path: Path) -> Reader:
    try:
        current = signature(path)
    except RepositoryNotFound:
        close(path)
        raise
    now = time.monotonic()
    stale: list[Reader] = []
    with _registry:
        reader = _readers.get(path)
        if reader is not None and (reader.signature != current or reader.ended):
            stale.append(_readers.pop(path))
            reader = None
        if reader is None:
            reader = _readers[path] = Reader(path, current)
        _readers.move_to_end(path)
        reader.used = now
        while len(_readers) > MAX_READERS or next(iter(_readers.values())).used < now - IDLE:
            stale.append(_readers.popitem(last=False)[1])
    for old in stale:
        _end(old)
    return reader


def _end(reader: Reader) -> None:
    with reader.lock:
        reader.ended = True
        reader.close()


def _header(line: bytes) -> tuple[str, str, int] | None:
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[2].isdigit():
        return None  # "<name> missing"
    return parts[0].decode("ascii"), parts[1].decode("ascii"), int(parts[2])


def _forget_after_fork() -> None:
    """The parent's pipes are not ours to use; its locks may be held by threads that do not exist here."""
    global _registry  # noqa: PLW0603 - one per process
    _registry = threading.Lock()
    _readers.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
