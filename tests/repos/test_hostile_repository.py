"""A repository made to hurt: every page shows it as text, or says politely that it is too large."""

from __future__ import annotations

from itertools import product

import pytest

from tests.repo_builder import RepoBuilder

SCRIPT = "<script>alert(1)</script>"
TAG = "<img src=x onerror=alert(1)>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{SCRIPT}</svg>'
MOST = 3_000_000  # bytes of a page

# A tenth of what a page is promised to bear.
LINE = 5_000_000  # bytes
ENTRIES = 1_000
LINES = 20_000


@pytest.fixture
def hostile(kind, make_repository):
    """The address of the repository, and the raw_ids of its changesets by name."""
    builder = RepoBuilder(kind)
    texts = {f"{TAG}.txt": "x\n", "README.md": f"{SCRIPT}\n\n{TAG}\n", "x.svg": SVG, "x.html": f"<body>{SCRIPT}"}
    author = f"{TAG.replace('<', '').replace('>', '')} <a@b>" if kind == "git" else f"{TAG} <a@b>"
    builder.commit(f"texts {SCRIPT}", texts, branch=TAG.replace(" ", "") if kind == "git" else TAG, author=author)
    builder.commit("line", {"line.txt": "y" * LINE})
    builder.commit("folder", {f"many/{number:05}": "z" for number in range(ENTRIES * 11 // 10)})
    builder.commit("diff", {"long.txt": "".join(f"{number}\n" for number in range(LINES))})
    repository, ids = make_repository(builder)
    return f"/{repository.name}", {name.partition(" ")[0]: raw_id for name, raw_id in ids.items()}


def test_a_hostile_repository_is_shown_or_refused(client, hostile):
    address, ids = hostile
    texts, last = ids["texts"], ids["diff"]
    paths = ["", "/changelog", "/branches", "/compare", "/compare/0...tip", "/pull-request", "/feed/atom"]
    paths += [f"/changeset/{raw_id}{how}" for raw_id in ids.values() for how in ("", "?diff=split")]
    paths += [f"/files/{texts}/{name}" for name in ("", f"{TAG}.txt", "README.md", "x.svg", "x.html")]
    paths += [f"/files/{last}/line.txt", f"/files/{last}/long.txt", f"/annotate/{last}/long.txt"]
    paths += [f"/files/{last}/many", f"/files/{last}/many?page=2", f"/annotate/{texts}/x.html"]
    shown = {}
    for path in paths:
        response = client.get(address + path)
        assert response.status_code == 200, path
        assert len(response.content) < MOST, path
        page = shown[path] = response.content.decode()
        assert SCRIPT not in page, path
        assert "<imgsrc=x" not in page.replace(" ", ""), path
        assert "<svg xmlns" not in page, path
    assert "&lt;img" in shown[f"/files/{texts}/"]
    assert "&lt;img" in shown["/branches"]
    assert "too large to show" in shown[f"/files/{last}/line.txt"]
    assert client.get(f"{address}/annotate/{last}/line.txt").status_code == 413
    assert "The rest of this file is left out" in shown[f"/changeset/{last}"]
    assert f"+{LINES}" in shown[f"/changeset/{last}"]  # what is left out is counted
    assert "many/00999" in shown[f"/files/{last}/many"]
    assert "many/01000" not in shown[f"/files/{last}/many"]
    assert "many/01000" in shown[f"/files/{last}/many?page=2"]


def test_what_is_served_as_it_is_cannot_run(client, hostile):
    address, ids = hostile
    for view, name in product(("raw", "rawfile"), ("x.svg", "x.html")):
        response = client.get(f"{address}/{view}/{ids['texts']}/{name}")
        assert SCRIPT.encode() in b"".join(response.streaming_content)
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "sandbox" in response["Content-Security-Policy"]
        assert response["X-Content-Type-Options"] == "nosniff"
