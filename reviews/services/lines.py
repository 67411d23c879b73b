"""Where the lines of comments are now: through the differences between the iterations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from repos.models import Repository
from repos.vcs.errors import RevisionNotFound
from repos.vcs.types import DiffOptions
from reviews.models import Comment, Iteration, PullRequest
from reviews.services.iterations import holder, interdiff

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class Place(NamedTuple):
    """Where a comment belongs in the iteration that is shown; ``line`` None: to the file."""

    path: str
    line: int | None


@dataclass
class FileHunks:
    """The changed ranges of one file: (first line, count) of the old and of the new side."""

    hunks: list[tuple[int, int, int, int]] = field(default_factory=list)
    renamed_to: str = ""

    def moved(self, line: int) -> int | None:
        """The number that a line of the old side has on the new side, ``None`` when it was changed or removed.

        Needs hunks without context.
        """
        shift = 0
        for old, old_count, _new, new_count in self.hunks:
            if old_count and old <= line < old + old_count:
                return None
            if old + max(old_count - 1, 0) < line:
                shift += new_count - old_count
        return line + shift


def parse(pieces: Iterable[bytes]) -> dict[str, FileHunks]:
    """The ranges of a Git-format diff by path; a renamed file is found under both."""
    files: dict[str, FileHunks] = {}
    current = FileHunks()
    rest_old = rest_new = 0  # lines of the hunk still to come: what they hold is no header
    for line in _lines(pieces):
        if rest_old > 0 or rest_new > 0:
            rest_old -= line[:1] in (b" ", b"-")
            rest_new -= line[:1] in (b" ", b"+")
        elif line.startswith(b"diff --git "):
            current = FileHunks()
            names = line[len(b"diff --git ") :]
            half = names[: len(names) // 2]
            if names == half + b" " + b"b" + half[1:]:  # unquoted and not renamed: also for files without a hunk
                files[_path(half)] = current
        elif line.startswith((b"--- ", b"+++ ")) and line[4:] != b"/dev/null":
            files[_path(line[4:])] = current
        elif line.startswith((b"rename from ", b"rename to ")):
            name = line.split(b" ", 2)[2]
            path = _path((b'"a/' + name[1:]) if name.startswith(b'"') else b"a/" + name)
            files[path] = current
            current.renamed_to = path  # "to" is the last of the two
        elif match := _HUNK.match(line):
            old, old_count, new, new_count = (1 if part is None else int(part) for part in match.groups())
            current.hunks.append((old, old_count, new, new_count))
            rest_old, rest_new = old_count, new_count
    return files


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _path(name: bytes) -> str:
    """The path of ``a/path`` or of Git's quoted spelling of it."""
    name = name.split(b"\t", 1)[0]
    if name.startswith(b'"'):
        name = _ESCAPE.sub(_unescape, name.strip(b'"'))
    return name[2:].decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _ESCAPED.get(code, code)


def places(
    pull_request: PullRequest, comments: Iterable[Comment], shown: Iteration | None = None
) -> dict[int, Place | None]:
    """For every comment on a file or line: where it is in the iteration ``shown``, the newest when not given.

    ``None``: outdated, its line was changed or the file is in the diff no more. One process for what the iteration
    shows, two at most for each other one that has comments, and one more for each from which something is gone, in
    case its file was renamed. When the changesets are gone (an imported pull request whose source was deleted), so
    are all lines.
    """
    inline = [comment for comment in comments if comment.is_inline]
    if not inline:
        return {}
    try:
        return _places(pull_request, inline, shown or pull_request.current)
    except RevisionNotFound:
        return dict.fromkeys((comment.pk for comment in inline), None)


def _places(pull_request: PullRequest, inline: Sequence[Comment], shown: Iteration) -> dict[int, Place | None]:
    repository = holder(pull_request, shown)
    paths = tuple(sorted({comment.path for comment in inline}))
    files = _between(repository, shown.ancestor_raw_id, shown.origin_raw_id, paths)
    others = {row.pk: row for row in pull_request.iterations.all()}

    @cache
    def moves(made_on: Iteration, side: str) -> dict[str, FileHunks]:
        return _between(repository, *_ends(made_on, shown, side), paths)

    @cache
    def renames(made_on: Iteration) -> dict[str, FileHunks]:
        return parse(interdiff(pull_request, made_on, shown, DiffOptions(context=0)))

    def place(comment: Comment) -> Place | None:
        made_on, path, line = others.get(comment.iteration_id or 0, shown), comment.path, comment.line
        if made_on.pk == shown.pk:
            return Place(path, line) if path in files else None
        if line is not None:
            line = moves(made_on, comment.side).get(path, FileHunks()).moved(line)
        if path in files and (line is not None or comment.line is None):
            return Place(path, line)
        if comment.side == Comment.Side.OLD:
            return None
        file = renames(made_on).get(path, FileHunks())
        line = file.moved(comment.line) if comment.line is not None else None
        is_there = file.renamed_to not in ("", path) and (line is not None or comment.line is None)
        return Place(file.renamed_to, line) if is_there else None

    return {comment.pk: place(comment) for comment in inline}


def _ends(made_on: Iteration, shown: Iteration, side: str) -> tuple[str, str]:
    if side == Comment.Side.OLD:
        return made_on.ancestor_raw_id, shown.ancestor_raw_id
    return made_on.origin_raw_id, shown.origin_raw_id


def _between(repository: Repository, old: str, new: str, paths: tuple[str, ...]) -> dict[str, FileHunks]:
    if old == new:
        return {}
    return parse(repository.vcs.diff(old, new, DiffOptions(context=0, paths=paths, detect_renames=False)))
