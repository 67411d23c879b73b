"""Colours for source code, and no text that takes long to get them."""

from __future__ import annotations

import time

import pytest

from repos import code


def test_a_language_has_colours():
    lines = code.pieces_of("a.py", ["def f():"])
    assert lines is not None
    assert lines[0][0] == (3, "k")
    assert code.pieces_of("unknown.zzz", ["x"]) is None


@pytest.mark.parametrize(("name", "text"), [("x.js.in", "a."), ("x.groovy", "a:")])
def test_a_text_made_for_the_lexer_has_none(name, text, monkeypatch):
    monkeypatch.setattr(code, "MOST_TIME", 0.05)
    start = time.thread_time()
    assert code.pieces_of(name, [text * 100_000]) is None
    assert code.pieces_of(name, [text * (code.LONGEST_LINE // 2)] * 200) is None
    assert time.thread_time() - start < 1
