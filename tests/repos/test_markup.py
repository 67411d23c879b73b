"""Markdown of strangers."""

import time

import pytest

from repos.markup import markdown, mentioned, visible
from repos.readme import render


def test_what_people_write():
    html = markdown("# Hi\n**b** `c`\nnext\n\n| a |\n|---|\n| 1 |\n\n```python\nx\n```\n~~s~~ [l](https://example.com)")
    for part in (
        "<h1>Hi</h1>",
        "<strong>b</strong> <code>c</code><br>",
        '<table tabindex="0">',
        "<td>1</td>",
        '<code class="language-python">',
        "<s>s</s>",
        '<a href="https://example.com" rel="nofollow noopener noreferrer">l</a>',
    ):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "![x](https://evil.example/pixel.png)",
        '[x](https://e.example "onmouseover=alert(1)")',
        "<a href='javascript:1' style='position:fixed'>x</a>",
        '```x" onclick=alert(1)\ny\n```',
        "<https://e.example/<script>>",
        "<style>*{display:none}</style>",
        "<!--><script>alert(1)</script>-->",
    ],
)
def test_nothing_is_obeyed(text):
    import re

    tags = re.findall(r"<[^>]*>", markdown(text))
    for tag in tags:
        assert re.fullmatch(
            r'<pre tabindex="0">|</?(p|br|pre|em|strong|blockquote|li|ul)>|</?code( class="language-[\w+#.-]+")?>|</a>'
            r'|<a href="https://[^"<>]*"( title="[^"<>]*")? rel="nofollow noopener noreferrer">',
            tag,
        ), tag


def test_mentions():
    text = "@Ann, ask @bob.b and mail@example.com; `@code` [@link](https://x.example) (@eve) @-x\n\n    @block\n"
    assert mentioned(text) == {"ann", "bob.b", "eve"}
    assert '<span class="mention">@Ann</span>, ask' in markdown(text)
    assert "mention" not in markdown("`@code` a@b.example")


def test_reordering_characters_are_spelled_out():
    assert visible("a\u202eb\u2066") == "a[U+202E]b[U+2066]"
    assert "[U+202E]" in markdown("`x\u202e`")


@pytest.mark.parametrize(
    "text", ["[" * 50_000, "*a" * 50_000, "> " * 20_000, "`" * 50_001, "@a" * 50_000, "|" * 50_000]
)
def test_no_text_takes_long(text):
    start = time.perf_counter()
    markdown(text)
    mentioned(text)
    assert time.perf_counter() - start < 60


def _rendered(path, text):
    return render(path, text, lambda view, target: f"/r/{view}/{target}")


@pytest.mark.parametrize(
    ("written", "leads_to"),
    [
        ("how.md", "/r/files/docs/how.md"),
        ("../LICENCE#2", "/r/files/LICENCE#2"),
        ("/top/", "/r/files/top"),
        ("../../../x", "/r/files/x"),
        ("a%20b%23.md", "/r/files/docs/a b#.md"),
        ("#part", "#part"),
        ("https://example.com/x", "https://example.com/x"),
        ("//example.com/x", "//example.com/x"),
    ],
)
@pytest.mark.parametrize(("path", "text"), [("docs/README.md", "[x]({})"), ("docs/README.rst", "`x <{}>`_")])
def test_links_of_a_readme_lead_to_the_files_beside_it(path, text, written, leads_to):
    assert f'href="{leads_to}"' in _rendered(path, text.format(written))


@pytest.mark.parametrize(("path", "text"), [("README.md", "![x]({})"), ("README.rst", ".. image:: {}\n   :alt: x\n")])
def test_pictures_of_a_readme_come_from_the_repository_only(path, text):
    html = _rendered(path, text.format("docs/drop.png"))
    assert 'src="/r/raw/docs/drop.png"' in html
    assert 'alt="x"' in html
    for elsewhere in ("https://evil.example/p.png", "//evil.example/p.png", "data:image/png;base64,AAAA", "http://["):
        html = _rendered(path, text.format(elsewhere))
        assert "src=" not in html
        assert 'alt="x"' in html


def test_lines_of_a_readme_go_on_and_those_of_a_comment_do_not():
    assert "<br>" not in _rendered("README.md", "one\ntwo")
    assert "<br>" in markdown("one\ntwo")
