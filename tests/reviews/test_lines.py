"""Where lines go through a diff: compared with what difflib says of random texts."""

import difflib
import random

import pytest

from reviews.services.lines import parse


def diff(old, new, context):
    lines = difflib.unified_diff(old, new, "a/x", "b/x", n=context)
    return ("diff --git a/x b/x\n" + "".join(lines)).encode()


@pytest.mark.parametrize("seed", range(50))
def test_lines_move_as_the_texts_did(seed):
    chance = random.Random(seed)
    old = [f"{number}\n" for number in range(40)]
    new = [line for line in old if chance.random() > 0.2]
    for _ in range(6):
        new.insert(chance.randrange(len(new)), f"new {chance.random()}\n")
    content = diff(old, new, 0)
    size = chance.randrange(1, 60)
    file = parse(content[start : start + size] for start in range(0, len(content), size))["x"]
    for number, line in enumerate(old, 1):
        assert file.moved(number) == (new.index(line) + 1 if line in new else None)


def test_content_that_looks_like_a_header_is_content():
    old = ["-- a/evil\n", "++ b/evil\n", "diff --git a/y b/y\n", "@@ -1 +1 @@\n"]
    files = parse([diff(old, ["x\n"], 3)])
    assert set(files) == {"x"}
    assert files["x"].hunks == [(1, 4, 1, 1)]


def test_names():
    content = (
        b'diff --git "a/\\303\\274 \\"q\\".txt" "b/\\303\\274 \\"q\\".txt"\n'
        b'--- "a/\\303\\274 \\"q\\".txt"\n+++ "b/\\303\\274 \\"q\\".txt"\n@@ -1 +1 @@\n-a\n+b\n'
        b"diff --git a/old name b/new name\nsimilarity index 90%\nrename from old name\nrename to new name\n"
        b"diff --git a/mode b/mode\nold mode 100644\nnew mode 100755\n"
        b"diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n"
    )
    files = parse([content])
    assert set(files) == {'ü "q".txt', "old name", "new name", "mode", "gone"}
    assert files["gone"].moved(1) is None
    assert files["mode"].moved(7) == 7
