"""README files: rendered, harmless, and never long at work."""

from __future__ import annotations

import time

import pytest

from repos import readme
from repos.markup import LONGEST_GROWTH, markdown

NESTED = "|a9|\n\n.. |a0| replace:: ha\n" + "".join(
    f".. |a{n}| replace:: {' '.join([f'|a{n - 1}|'] * 8)}\n" for n in range(1, 10)
)


def render(path, text):
    return readme.render(path, text, lambda view, target: f"/one/{view}/1/{target}")


def test_what_people_write():
    html = render("README.rst", "Title\n=====\n\n*a* `b <https://example.com>`_\n\n.. code:: python\n\n   x = 1\n")
    for part in ("<h2>Title</h2>", "<em>a</em>", '<a href="https://example.com" rel="nofollow noopener', "x = 1"):
        assert part in html
    assert "<h1>Title</h1>" in render("a/README.md", "# Title\n")
    assert render("README", "<b>") == '<pre tabindex="0">&lt;b&gt;</pre>'


HOSTILE = (
    ".. raw:: html\n\n   <script>alert(1)</script>\n",
    ".. raw:: html\n   :file: /etc/passwd\n",
    ".. include:: /etc/passwd\n",
    ".. literalinclude:: /etc/passwd\n",
    ".. csv-table::\n   :file: /etc/passwd\n",
    ".. csv-table::\n   :url: file:///etc/passwd\n",
    ".. code::\n   :file: /etc/passwd\n\n   x\n",
    ".. role:: h(raw)\n   :format: html\n\n:h:`<script>alert(1)</script>`\n",
    "`x <javascript:alert(1)>`_\n\n.. _y: javascript:alert(1)\n\ny_\n",
    ".. image:: https://evil.example/pixel.png\n",
    ".. figure:: https://evil.example/pixel.png\n",
    ".. stylesheet:: /etc/passwd\n\n.. class:: x\n\n<script>alert(1)</script>\n",
)


def test_no_directive_reads_a_file_or_writes_html():
    html = render("README.rst", "\n\n".join([*HOSTILE, "the end"]))
    assert "the end" in html
    for wrong in ("<script", "root:", "src=", 'href="javascript', "style="):
        assert wrong not in html


@pytest.mark.parametrize("text", [NESTED, "[#]_\n" * 25_000], ids=["substitutions", "footnotes"])
def test_a_text_that_takes_long_is_shown_as_it_is(text, monkeypatch):
    monkeypatch.setattr(readme, "TIMEOUT", 0.4)
    start = time.perf_counter()
    html = render("README.rst", text)
    assert time.perf_counter() - start < 30
    assert html.startswith("<pre ")
    monkeypatch.setattr(readme, "run", None)
    assert render("README.rst", text) == html  # kept: asked again it costs nothing


def test_no_text_grows_without_bound():
    text = f"[a]: /{'x' * 1000}\n\n" + "[a] " * 2_000
    assert len(markdown(text)) < LONGEST_GROWTH * len(text)
    assert markdown("[a]: /x\n\n[a] [a]").count("<a ") == 2
