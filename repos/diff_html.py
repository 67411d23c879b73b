"""A parsed diff as rows of HTML tables, unified or side by side.

Made here and not in a template: thousands of rows would take a template seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from repos.code import Span, changed_words, paint, pieces_of
from repos.vcs.unified import FileDiff, Hunk, Line

#: What follows a line, such as its comments: (path, "o" or "n", line number) -> HTML, "" for nothing.
After = Callable[[str, str, int], str]
Pair = tuple[Line | None, Line | None]


def nothing(_path: str, _side: str, _number: int) -> str:
    return ""


@dataclass(frozen=True)
class FileTable:
    """One file of a diff, ready to show."""

    file: FileDiff
    anchor: str
    rows: SafeString


def tables(files: list[FileDiff], *, split: bool = False, after: After = nothing) -> list[FileTable]:
    return [FileTable(file, anchor(file.path), rows(file, split=split, after=after)) for file in files]


def anchor(path: str) -> str:
    """The part of an address that leads to a file on the page of a diff."""
    return "f" + hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def rows(file: FileDiff, *, split: bool, after: After) -> SafeString:
    painted = _Painted(file)
    draw = _split_rows if split else _unified_rows
    parts: list[str] = []
    for hunk in file.hunks:
        title = f"@@ -{hunk.old_start} +{hunk.new_start} @@ {hunk.section}"
        parts.append(f'<tr class="hunk"><td colspan="4">{escape(title)}</td></tr>')
        parts.extend(draw(file, hunk, painted, after))
    return mark_safe("".join(parts))  # noqa: S308 - made of escaped texts only


class _Painted:
    """The HTML of every line: colours from the old and the new text of each hunk, marks from pairs of lines."""

    def __init__(self, file: FileDiff) -> None:
        self.html: dict[int, SafeString] = {}
        for hunk in file.hunks:
            marks: dict[int, list[Span]] = {}
            for old, new in pairs(hunk):
                if old is not None and new is not None and old is not new:
                    marks[id(old)], marks[id(new)] = changed_words(old.text, new.text)
            for path, skipped in ((file.old_path, "+"), (file.new_path, "-")):
                lines = [line for line in hunk.lines if line.sign != skipped]
                colours = pieces_of(path, [line.text for line in lines])
                for number, line in enumerate(lines):
                    self.html[id(line)] = paint(
                        line.text, colours[number] if colours else None, marks.get(id(line), ())
                    )

    def of(self, line: Line) -> str:
        end = ""
        if line.is_cut:
            end = f' <span class="tag warn">{escape(_("the line goes on"))}</span>'
        if not line.has_newline:
            end += f' <span class="tag">{escape(_("no newline at the end"))}</span>'
        return self.html[id(line)] + end


def pairs(hunk: Hunk) -> Iterator[Pair]:
    """Lines side by side: the removed ones of a run next to the added ones."""
    removed: list[Line] = []
    added: list[Line] = []
    for line in [*hunk.lines, None]:
        if line is not None and line.sign == "-" and not added:
            removed.append(line)
        elif line is not None and line.sign == "+":
            added.append(line)
        else:
            for index in range(max(len(removed), len(added))):
                yield (
                    removed[index] if index < len(removed) else None,
                    added[index] if index < len(added) else None,
                )
            removed, added = [], []
            if line is not None and line.sign == "-":
                removed.append(line)
            elif line is not None:
                yield line, line


_CLASSES = {"+": "add", "-": "del", " ": "same"}


def _number(file: FileDiff, side: str, number: int | None) -> str:
    """The cell of a line number; its address names the line for good, and scripts find the line by it."""
    if number is None:
        return '<td class="n"></td>'
    name = f"{anchor(file.path)}{side}{number}"
    return f'<td class="n"><a id="{name}" href="#{name}" data-side="{side}" data-line="{number}">{number}</a></td>'


def _unified_rows(file: FileDiff, hunk: Hunk, painted: _Painted, after: After) -> Iterator[str]:
    for line in hunk.lines:
        css = _CLASSES[line.sign]
        old, new = _number(file, "o", line.old), _number(file, "n", line.new)
        yield f'<tr class="{css}">{old}{new}<td class="sign">{line.sign}</td><td>{painted.of(line)}</td></tr>'
        yield from _after(file, line, after, 4)


def _split_rows(file: FileDiff, hunk: Hunk, painted: _Painted, after: After) -> Iterator[str]:
    for old, new in pairs(hunk):
        yield f"<tr>{_half(file, old, 'o', painted)}{_half(file, new, 'n', painted)}</tr>"
        for line in {id(line): line for line in (old, new) if line is not None}.values():
            yield from _after(file, line, after, 4)


def _half(file: FileDiff, line: Line | None, side: str, painted: _Painted) -> str:
    if line is None:
        return '<td class="n void"></td><td class="void"></td>'
    number = line.old if side == "o" else line.new
    return f'{_number(file, side, number)}<td class="{_CLASSES[line.sign]}">{painted.of(line)}</td>'


def _after(file: FileDiff, line: Line, after: After, columns: int) -> Iterator[str]:
    sides = (("o", line.old), ("n", line.new))  # a line that is the same on both has two
    html = "".join(after(file.path, side, number) for side, number in sides if number is not None)
    if html:
        yield format_html('<tr class="talk"><td colspan="{}">{}</td></tr>', columns, mark_safe(html))  # noqa: S308
