"""Questions about files: trees, contents, differences, archives."""

from __future__ import annotations

import bz2
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import zstandard

from repos.vcs.errors import NodeNotFound, TooLarge
from repos.vcs.git import readers
from repos.vcs.git.history import GitHistory, path_bytes, require_hash
from repos.vcs.git.isolation import git, objects_only
from repos.vcs.process import MAX_OUTPUT, Stream, run, stream
from repos.vcs.types import AnnotatedLine, ArchiveFormat, DiffOptions, Node, NodeType

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
DIFF_TIMEOUT = 60.0
ARCHIVE_TIMEOUT = 600.0
_SMALL = 1 << 20  # bytes; larger files get a process of their own, so that they do not hold the reader
_TREE, _LINK, _SUBMODULE = 0o040000, 0o120000, 0o160000
_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_BLAME_HEADER = re.compile(rb"([0-9a-f]{40}) ([0-9]+) [0-9]+( [0-9]+)?")

_MOST_TREES = 2000  # folders that are read one by one
#: What is read of trees at once, about a million paths; a folder can be in a tree a thousand times and cost nothing.
_TREES_BYTES, _LIST_BYTES = 32 << 20, 64 << 20
_Entry = tuple[int, bytes, str]  # mode, name, hash


def _entries(data: bytes) -> list[_Entry]:
    """The entries of a tree object."""
    return [(int(mode, 8), name, oid.hex()) for mode, name, oid in _ENTRY.findall(data)]


class GitContent(GitHistory):
    # -- trees -----------------------------------------------------------------------------------------------------

    def nodes(
        self,
        raw_id: str,
        path: str = "",
        *,
        recursive: bool = False,
        with_size: bool = False,
        most_sizes: int | None = None,
    ) -> list[Node]:
        self._require_commits(raw_id)
        prefix = path_bytes(path)
        mode, tree = self._find(raw_id, prefix)
        if mode != _TREE:
            raise NodeNotFound(path)
        if prefix:
            prefix += b"/"
        entries = self._walk(tree) if recursive else self._tree(tree)
        sizes: dict[str, int] = {}
        files = [oid for mode, _, oid in entries if mode not in (_TREE, _SUBMODULE)]
        if with_size and (most_sizes is None or len(files) <= most_sizes):
            answers = readers.ask(self.path, lambda reader: reader.infos(files))
            sizes = {oid: answer[2] for oid, answer in zip(files, answers, strict=True) if answer is not None}
        nodes = [_node(prefix + name, mode, sizes.get(oid)) for mode, name, oid in entries]
        nodes.sort(key=lambda node: (node.type is not NodeType.DIR, node.path))
        return nodes

    def node(self, raw_id: str, path: str) -> Node:
        self._require_commits(raw_id)
        name = path_bytes(path)
        mode, oid = self._find(raw_id, name)
        size = None
        if mode not in (_TREE, _SUBMODULE):
            (answer,) = readers.ask(self.path, lambda reader: reader.infos([oid]))
            size = answer[2] if answer is not None else None
        return _node(name, mode, size)

    def _find(self, raw_id: str, path: bytes) -> tuple[int, str]:
        """(mode, hash) of a path, walked down the trees, so that no path is ever part of a command."""
        (root,) = readers.ask(self.path, lambda reader: reader.infos([f"{raw_id}^{{tree}}"]))
        if root is None:
            raise NodeNotFound(path.decode("utf-8", "replace"))
        mode, oid = _TREE, root[0]
        for part in path.split(b"/") if path else ():
            entry = next((entry for entry in self._tree(oid) if entry[1] == part), None) if mode == _TREE else None
            if entry is None:
                raise NodeNotFound(path.decode("utf-8", "surrogateescape"))
            mode, _, oid = entry
        return mode, oid

    def _tree(self, oid: str) -> list[_Entry]:
        (data,) = self._trees([oid])
        return _entries(data)

    def _trees(self, oids: Sequence[str]) -> list[bytes]:
        """The content of tree objects; nothing for what is none."""
        answers = readers.ask(self.path, lambda reader: reader.contents(oids, max_bytes=_TREES_BYTES))
        return [answer[2] if answer is not None and answer[1] == "tree" else b"" for answer in answers]

    def _walk(self, tree: str) -> list[_Entry]:
        """Everything below a tree, a level at a time; a large one by a process, which keeps the reader free."""
        found: list[_Entry] = []
        level, asked = [(b"", tree)], 0
        while level:
            asked += len(level)
            if asked > _MOST_TREES:
                return self._list_tree(tree)
            below: list[tuple[bytes, str]] = []
            for (prefix, _), data in zip(level, self._trees([oid for _, oid in level]), strict=True):
                for mode, name, oid in _entries(data):
                    found.append((mode, prefix + name, oid))
                    if mode == _TREE:
                        below.append((prefix + name + b"/", oid))
            level = below
        return found

    def _list_tree(self, tree: str) -> list[_Entry]:
        output = run(
            git("ls-tree", "-r", "-t", "-z", "--end-of-options", tree),
            env=objects_only(self.path),
            max_output=_LIST_BYTES,
        )
        entries: list[_Entry] = []
        for line in output.split(b"\0")[:-1]:
            header, _, name = line.partition(b"\t")
            mode, _, oid = header.split(b" ")
            entries.append((int(mode, 8), name, oid.decode("ascii")))
        return entries

    # -- files -----------------------------------------------------------------------------------------------------

    def read_file(self, raw_id: str, path: str, *, max_bytes: int | None = None) -> bytes:
        oid, size = self._blob(raw_id, path)
        if size > (MAX_OUTPUT if max_bytes is None else max_bytes):
            raise TooLarge(f"{path} has {size} bytes")
        if size > _SMALL:
            return run(git("cat-file", "blob", oid), env=objects_only(self.path))
        (answer,) = readers.ask(self.path, lambda reader: reader.contents([oid]))
        if answer is None:
            raise NodeNotFound(path)
        return answer[2]

    def stream_file(self, raw_id: str, path: str) -> Iterator[bytes]:
        oid, size = self._blob(raw_id, path)
        if size <= _SMALL:
            return iter([self.read_file(raw_id, path)] if size else [])
        return stream(
            git("cat-file", "blob", oid), env=objects_only(self.path), timeout=ARCHIVE_TIMEOUT, max_output=None
        )

    def _blob(self, raw_id: str, path: str) -> tuple[str, int]:
        self._require_commits(raw_id)
        mode, oid = self._find(raw_id, path_bytes(path))
        if mode in (_TREE, _SUBMODULE):
            raise NodeNotFound(path)
        (answer,) = readers.ask(self.path, lambda reader: reader.infos([oid]))
        if answer is None or answer[1] != "blob":
            raise NodeNotFound(path)
        return oid, answer[2]

    def annotate(self, raw_id: str, path: str, *, max_bytes: int) -> list[AnnotatedLine]:
        content = self.read_file(raw_id, path, max_bytes=max_bytes)
        if not content:
            return []
        output = run(
            git("blame", "--porcelain", "--no-textconv", raw_id, "--", path_bytes(path)),
            env=objects_only(self.path),
        )
        lines: list[AnnotatedLine] = []
        author, number = "", 0
        for line in output.split(b"\n"):
            if line.startswith(b"\t"):
                lines.append(AnnotatedLine(author, number, line[1:] + b"\n"))
            elif (header := _BLAME_HEADER.fullmatch(line)) is not None:
                author, number = header[1].decode("ascii"), int(header[2])
        if lines and not content.endswith(b"\n"):
            last = lines[-1]
            lines[-1] = AnnotatedLine(last.raw_id, last.line, last.content[:-1])
        return lines

    # -- differences -----------------------------------------------------------------------------------------------

    def diff(self, old: str | None, new: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        if old is not None and (patch := self._short_diff(old, new, options)) is not None:
            return patch
        self._require_commits(*([old] if old is not None else []), new)
        return self._diff(old or EMPTY_TREE, new, options)

    def change(self, raw_id: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        patch = self._short_diff(None, raw_id, options)
        return patch if patch is not None else super().change(raw_id, options)

    def _short_diff(self, old: str | None, new: str, options: DiffOptions) -> Iterator[bytes] | None:
        """By the process that stays; ``None`` where it is not for it: other options, a long one, no commits."""
        if options != DiffOptions():
            return None
        before, after = None if old is None else require_hash(old), require_hash(new)
        try:
            patch = readers.ask(self.path, lambda reader: reader.patch(before, after, max_bytes=_SMALL))
        except TooLarge:
            return None
        return None if patch is None else iter([patch] if patch else [])

    def diff_between(self, other: Path, old: str, new: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        self._require_commits(old)
        self._require_commits(new, at=other)
        return self._diff(old, new, options, also=other)

    def patch(self, raw_id: str, options: DiffOptions = DiffOptions(), zone: str = "UTC") -> Iterator[bytes]:
        changeset = self.changeset(raw_id)
        date = changeset.date.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        header = (
            f"From {raw_id} {date}\nFrom: {changeset.author}\nDate: {date}\n"
            f"Subject: [PATCH] {changeset.message}\n---\n\n"
        )
        old = changeset.parents[0] if changeset.parents else EMPTY_TREE
        return _Wrapped(self._diff(old, raw_id, options), head=header.encode(), tail=b"\n")

    def _diff(self, old: str, new: str, options: DiffOptions, also: Path | None = None) -> Stream:
        paths = [path_bytes(path) for path in options.paths]
        largest = options.largest_file
        return stream(
            git(
                *([] if largest is None else ["-c", f"core.bigFileThreshold={largest}"]),
                "diff-tree",
                *(option for option in readers.PATCH_OPTIONS if largest is None or option != "--binary"),
                f"--unified={max(0, int(options.context))}",
                "--find-renames" if options.detect_renames else "--no-renames",
                *(["--ignore-all-space"] if options.ignore_whitespace else []),
                *("--end-of-options", old, new, "--"),
                *paths,
            ),
            env=objects_only(self.path, also=[also] if also is not None else []),
            timeout=DIFF_TIMEOUT,
            max_output=None,
        )

    # -- archives --------------------------------------------------------------------------------------------------

    def archive(self, raw_id: str, format: ArchiveFormat, prefix: str) -> Iterator[bytes]:
        self._require_commits(raw_id)
        compressor = _COMPRESSORS.get(format)
        output = stream(
            git(
                "archive",
                f"--format={'tar' if compressor else format}",
                f"--prefix={prefix.strip('/')}/",
                *(["-1"] if format in ("zip", "tar.gz") else []),
                *("--end-of-options", raw_id),
            ),
            env=objects_only(self.path),
            timeout=ARCHIVE_TIMEOUT,
            max_output=None,
        )
        return _Wrapped(output, compressor=compressor()) if compressor is not None else output


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "tar.bz2": bz2.BZ2Compressor,
    "tar.zst": lambda: zstandard.ZstdCompressor(level=3).compressobj(),
}


class _Wrapped(Iterator[bytes]):
    """A stream with more before and after it, or a compressor around it; closing it ends the process."""

    def __init__(
        self, source: Stream, *, head: bytes = b"", tail: bytes = b"", compressor: _Compressor | None = None
    ) -> None:
        self._source = source
        self._head = head
        self._tail = tail
        self._compressor = compressor

    def __next__(self) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        for chunk in self._source:
            if out := self._compressor.compress(chunk) if self._compressor is not None else chunk:
                return out
        if self._compressor is not None:
            self._tail, self._compressor = self._compressor.flush(), None
        if self._tail:
            tail, self._tail = self._tail, b""
            return tail
        raise StopIteration

    def close(self) -> None:
        self._source.close()


def _node(name: bytes, mode: int, size: int | None) -> Node:
    path = name.decode("utf-8", "surrogateescape")
    if mode == _TREE:
        return Node(path, NodeType.DIR, _TREE)
    if mode == _SUBMODULE:
        return Node(path, NodeType.SUBMODULE, _SUBMODULE)
    if mode != _LINK:
        mode = 0o100755 if mode & 0o100 else 0o100644  # old repositories have 100664 too
    return Node(path, NodeType.FILE, mode, size)
