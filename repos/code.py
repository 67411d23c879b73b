"""Source code as HTML: highlighted by Pygments, with the words marked that a change touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from time import thread_time

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import STANDARD_TYPES, Token
from pygments.util import ClassNotFound

LONGEST_TEXT = 256 * 1024  # characters; larger texts are shown without colours
LONGEST_LINE = 1000  # characters; lexers take the square of that, or worse
MOST_TIME = 1.0  # seconds of work for one text, after which it has no colours
LONGEST_WORD_DIFF = 500  # characters of a line
_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)

#: One piece of a line: its length in characters and its CSS class ("" for none).
Piece = tuple[int, str]
#: A part of a line, from and to.
Span = tuple[int, int]


@lru_cache(maxsize=256)
def _lexer(name: str) -> Lexer | None:
    try:
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return None if lexer.name in {"Text only", "Text output"} else lexer


def pieces_of(name: str, lines: Sequence[str]) -> list[list[Piece]] | None:
    """The highlighting of every line of a file called ``name``.

    ``None`` where nothing is known of its language, and where finding out would take too long.
    """
    lexer = _lexer(name.rpartition("/")[2].encode("utf-8", "replace").decode())
    sizes = [len(line) + 1 for line in lines]
    if lexer is None or sum(sizes) > LONGEST_TEXT or max(sizes, default=0) > LONGEST_LINE:
        return None
    deadline = thread_time() + MOST_TIME
    result: list[list[Piece]] = [[]]
    for kind, text in lexer.get_tokens("\n".join(lines)):
        if thread_time() > deadline:
            return None
        css = _css(kind)
        for number, part in enumerate(text.split("\n")):
            if number:
                result.append([])
            if part:
                result[-1].append((len(part), css))
    return result if len(result) >= len(lines) else None


def _css(kind: object) -> str:
    while kind not in STANDARD_TYPES:
        kind = kind.parent  # type: ignore[attr-defined]
    return "" if kind is Token.Text else STANDARD_TYPES[kind]  # type: ignore[index]


def paint(text: str, pieces: Iterable[Piece] | None, marks: Sequence[Span] = ()) -> SafeString:
    """One line as HTML: ``pieces`` give the colours, ``marks`` the parts that changed."""
    out: list[str] = []
    edges = sorted({edge for mark in marks for edge in mark})
    position = 0
    for length, css in pieces or ((len(text), ""),):
        end = min(position + length, len(text))
        while position < end:
            stop = next((edge for edge in edges if position < edge < end), end)
            shown = str(escape(text[position:stop]))
            if css:
                shown = f'<span class="{css}">{shown}</span>'
            if any(start <= position < last for start, last in marks):
                shown = f"<mark>{shown}</mark>"
            out.append(shown)
            position = stop
    if position < len(text):
        out.append(str(escape(text[position:])))
    return mark_safe("".join(out))  # noqa: S308 - every text went through escape


def changed_words(old: str, new: str) -> tuple[list[Span], list[Span]]:
    """The parts in which two versions of a line differ; none when they have too little in common to say."""
    if max(len(old), len(new)) > LONGEST_WORD_DIFF:
        return [], []
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.4:
        return [], []
    removed: list[Span] = []
    added: list[Span] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag != "equal":
            removed.append(_span(before, old_from, old_to))
            added.append(_span(after, new_from, new_to))
    return [span for span in removed if span[0] < span[1]], [span for span in added if span[0] < span[1]]


def _span(words: Sequence[str], first: int, last: int) -> Span:
    start = sum(map(len, words[:first]))
    return start, start + sum(map(len, words[first:last]))
