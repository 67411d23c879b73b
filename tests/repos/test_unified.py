"""Reading diffs within bounds, and showing them."""

from __future__ import annotations

import re

from repos import code, diff_html, graph
from repos.vcs.unified import parse

DIFF = b"""diff --git a/old name.txt b/new name.txt
similarity index 80%
rename from old name.txt
rename to new name.txt
index 1111111..2222222 100644
--- a/old name.txt\t
+++ b/new name.txt\t
@@ -1,3 +1,3 @@ def f():
 same
--- looks like a header
+++ looks like one too
 diff --git a/x b/x
\\ No newline at end of file
diff --git "a/t\\303\\274\\n.txt" "b/t\\303\\274\\n.txt"
old mode 100644
new mode 100755
diff --git a/logo.bin b/logo.bin
new file mode 100644
index 0000000..3333333
GIT binary patch
literal 1
Ic$@abc
"""


def test_headers_and_lines_are_told_apart():
    diff = parse(iter([DIFF[:50], DIFF[50:]]))
    renamed, mode, binary = diff.files
    assert (renamed.old_path, renamed.new_path, renamed.status) == ("old name.txt", "new name.txt", "renamed")
    lines = renamed.hunks[0].lines
    assert [(line.sign, line.old, line.new) for line in lines] == [
        (" ", 1, 1),
        ("-", 2, None),
        ("+", None, 2),
        (" ", 3, 3),
    ]
    assert lines[1].text == "-- looks like a header"
    assert not lines[3].has_newline
    assert renamed.hunks[0].section == "def f():"
    assert (mode.path, mode.old_mode, mode.new_mode) == ("tü\n.txt", "100644", "100755")
    assert (binary.status, binary.is_binary) == ("added", True)
    assert (diff.added, diff.removed, diff.is_cut) == (1, 1, False)


def test_bounds_hold_and_the_source_is_closed():
    closed = []

    def endless():
        try:
            yield b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -0,0 +1,100000000 @@\n"
            while True:
                yield b"+line\n" * 1000
        finally:
            closed.append(True)

    diff = parse(endless(), max_bytes=1024 * 1024, max_file_lines=100)
    assert diff.is_cut
    assert closed == [True]
    assert len(diff.files[0].hunks[0].lines) == 100
    assert diff.files[0].is_cut
    assert diff.files[0].added > 100_000


def test_a_line_without_end_is_cut():
    head = b"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -0,0 +1,1 @@\n+"
    diff = parse(iter([head, *[b"x" * 65536] * 32, b"\n"]), max_bytes=64 * 1024 * 1024)
    (line,) = diff.files[0].hunks[0].lines
    assert line.is_cut
    assert len(line.text) < 10_000


def test_hostile_text_is_escaped_in_both_ways_of_showing():
    evil = "<script>alert(1)</script>"
    text = (
        f'diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@ {evil}\n-a = "{evil}"\n+b = "{evil}" # {evil}\n'
    )
    for split in (False, True):
        (table,) = diff_html.tables(parse(iter([text.encode()])).files, split=split)
        assert "<script" not in table.rows
        shown = re.sub(r"<[^>]+>", "", table.rows)
        assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4
        assert "<mark>" in table.rows


def test_words_that_changed_are_marked():
    assert code.changed_words("return old_name + 1", "return new_name + 1") == ([(7, 15)], [(7, 15)])
    assert code.changed_words("completely", "different!") == ([], [])
    assert code.paint("abc", [(3, "k")], [(1, 2)]) == (
        '<span class="k">a</span><mark><span class="k">b</span></mark><span class="k">c</span>'
    )


def test_lanes_of_a_merge():
    rows = graph.layout([("m", ["a", "b"]), ("b", ["r"]), ("a", ["r"]), ("r", [])])
    assert [row.column for row in rows] == [0, 1, 0, 0]
    assert set(rows[0].lines) == {(None, 0), (None, 1)}
    assert set(rows[3].lines) == {(0, None), (1, None)}
