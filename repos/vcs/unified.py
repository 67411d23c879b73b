"""Git-format diffs, read piece by piece into files, hunks and lines, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}

LONGEST_LINE = 4000  # characters shown
MOST_FILES = 500
MOST_BYTES = 8 * 1024 * 1024

Status = Literal["added", "removed", "changed", "renamed", "copied"]


@dataclass(slots=True)
class Line:
    """``sign``: ``" "``, ``"+"`` or ``"-"``; ``old`` and ``new`` are numbers from 1 where the line exists."""

    sign: str
    old: int | None
    new: int | None
    text: str  # without its line end
    is_cut: bool = False
    has_newline: bool = True


@dataclass(slots=True)
class Hunk:
    old_start: int
    new_start: int
    section: str  # what the tool names as surroundings, such as a function
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class FileDiff:
    old_path: str
    new_path: str
    status: Status = "changed"
    old_mode: str = ""
    new_mode: str = ""
    is_binary: bool = False
    is_cut: bool = False  # more lines than were wanted; the numbers count all of them
    added: int = 0
    removed: int = 0
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path by which the file is known: the new one, unless it is gone."""
        return self.old_path if self.status == "removed" else self.new_path


@dataclass(slots=True)
class Diff:
    files: list[FileDiff] = field(default_factory=list)
    is_cut: bool = False  # there are further files, or the last one goes on

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)


def parse(
    pieces: Iterator[bytes],
    *,
    max_bytes: int = MOST_BYTES,
    max_files: int = MOST_FILES,
    max_lines: int = 10_000,
    max_file_lines: int = 2_000,
) -> Diff:
    """Read a diff until its end or a bound; then the rest is left alone and the iterator closed.

    ``max_lines`` and ``max_file_lines`` bound the lines kept; lines beyond them are only counted.
    """
    reader = _Reader(max_files, max_lines, max_file_lines)
    size = 0
    try:
        for line in _lines(pieces):
            size += len(line)
            if size > max_bytes or not reader.take(line):
                reader.diff.is_cut = True
                break
    finally:
        if close := getattr(pieces, "close", None):
            close()
    return reader.diff


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with their ends; one that is endless comes in several, each a bounded part."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if len(rest) > 1024 * 1024:
            yield rest  # counts towards the bound, and ends the reading when it is too much
            rest = b"\x00"  # goes on: no sign that means anything
    if rest:
        yield rest


class _Reader:
    def __init__(self, max_files: int, max_lines: int, max_file_lines: int) -> None:
        self.diff = Diff()
        self.max_files, self.max_lines, self.max_file_lines = max_files, max_lines, max_file_lines
        self.file: FileDiff | None = None
        self.hunk: Hunk | None = None
        self.kept = self.kept_of_file = 0
        self.old = self.new = self.old_left = self.new_left = 0

    def take(self, line: bytes) -> bool:
        """Whether there is room for more."""
        if self.hunk is not None and (self.old_left or self.new_left) and line[:1] in b" +-":
            self._content(line)
        elif line.startswith(b"\\") and self.hunk is not None:
            if self.hunk.lines:
                self.hunk.lines[-1].has_newline = False
        elif line.startswith(b"diff --git "):
            if len(self.diff.files) >= self.max_files:
                return False
            self._start(line)
        elif self.file is not None:
            self._header(self.file, line)
        return True

    def _start(self, line: bytes) -> None:
        old, new = _two_paths(line[len(b"diff --git ") :].rstrip(b"\n"))
        self.file, self.hunk, self.kept_of_file = FileDiff(old, new), None, 0
        self.diff.files.append(self.file)

    def _header(self, file: FileDiff, line: bytes) -> None:
        line = line.rstrip(b"\n")
        if match := _HUNK.match(line):
            old, old_count, new, new_count, section = match.groups()
            self.old, self.new = int(old), int(new)
            self.old_left, self.new_left = int(old_count or 1), int(new_count or 1)
            self.hunk = Hunk(self.old, self.new, section.decode("utf-8", "replace")[:200])
            file.hunks.append(self.hunk)
        elif line.startswith((b"Binary file", b"GIT binary patch")):
            file.is_binary = True
        elif self.hunk is None:
            _extended_header(file, line)

    def _content(self, line: bytes) -> None:
        assert self.file is not None
        assert self.hunk is not None
        sign = line[:1].decode()
        old = self.old if sign != "+" else None
        new = self.new if sign != "-" else None
        if old is not None:
            self.old, self.old_left = self.old + 1, self.old_left - 1
        if new is not None:
            self.new, self.new_left = self.new + 1, self.new_left - 1
        self.file.added += sign == "+"
        self.file.removed += sign == "-"
        if self.kept >= self.max_lines or self.kept_of_file >= self.max_file_lines:
            self.file.is_cut = True
            return
        self.kept, self.kept_of_file = self.kept + 1, self.kept_of_file + 1
        text = line[1 : 4 * LONGEST_LINE].rstrip(b"\r\n").decode("utf-8", "replace")
        is_cut = len(line) > 4 * LONGEST_LINE or len(text) > LONGEST_LINE
        self.hunk.lines.append(Line(sign, old, new, text[:LONGEST_LINE], is_cut))


def _extended_header(file: FileDiff, line: bytes) -> None:
    word, _, rest = line.partition(b" ")
    text = line.decode("utf-8", "surrogateescape")
    if line.startswith(b"--- ") and not line.startswith(b"--- /dev/null"):
        file.old_path = _path(line[4:].removesuffix(b"\t"))
    elif line.startswith(b"+++ ") and not line.startswith(b"+++ /dev/null"):
        file.new_path = _path(line[4:].removesuffix(b"\t"))
    elif line.startswith(b"new file mode "):
        file.status, file.new_mode = "added", text.split()[-1]
    elif line.startswith(b"deleted file mode "):
        file.status, file.old_mode = "removed", text.split()[-1]
    elif line.startswith(b"old mode "):
        file.old_mode = text.split()[-1]
    elif line.startswith(b"new mode "):
        file.new_mode = text.split()[-1]
    elif word in {b"rename", b"copy"}:
        file.status = "renamed" if word == b"rename" else "copied"
        side, _, name = rest.partition(b" ")
        if side == b"from":
            file.old_path = _unquoted(name)
        else:
            file.new_path = _unquoted(name)


def _two_paths(text: bytes) -> tuple[str, str]:
    """The paths of ``a/<path> b/<path>``. Where they differ, later headers name them without doubt."""
    if text.startswith(b'"'):
        end = re.match(rb'"(?:[^"\\]|\\.)*"', text)
        if end is not None:
            return _path(end[0]), _path(text[end.end() :].strip())
    middle = len(text) // 2
    if text[middle : middle + 1] == b" " and text[2:middle] == text[middle + 3 :]:
        return _path(text[:middle]), _path(text[middle + 1 :])
    old, _, new = text.partition(b" b/")
    return _path(old), _path(b"b/" + new)


def _path(name: bytes) -> str:
    """A path without its ``a/`` or ``b/``."""
    return _unquoted(name)[2:]


def _unquoted(name: bytes) -> str:
    if name.startswith(b'"') and name.endswith(b'"') and len(name) > 1:
        name = _ESCAPE.sub(_unescaped, name[1:-1])
    return name.decode("utf-8", "surrogateescape")


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if len(code) == 3 else _ESCAPES.get(code, code)
