"""What a page asks of the tools, however long the history is."""

from __future__ import annotations

import pytest

from repos.vcs import hg_server, process
from tests.repo_builder import RepoBuilder

PATHS = (
    "",
    "/changelog",
    "/changelog/tip/README",
    "/changeset/tip",
    "/files/tip/",
    "/files/tip/README",
    "/compare/0...tip",
)


@pytest.fixture
def asked(monkeypatch):
    """What was asked: an entry for each process started and each question to a long-lived one."""
    entries: list[str] = []
    start, write = process._start, process.Helper.write

    def counted_start(args, **more):
        entries.append("process")
        return start(args, **more)

    def counted_write(helper, data, **more):
        if data:
            entries.append("question")
        write(helper, data, **more)

    monkeypatch.setattr(process, "_start", counted_start)
    monkeypatch.setattr(process.Helper, "write", counted_write)
    return entries


@pytest.mark.parametrize("path", PATHS)
def test_what_a_page_asks_does_not_grow_with_history(client, kind, make_repository, asked, path):
    def costs(commits: int) -> tuple[int, int, int]:
        """What the first visit asks, before which nothing runs or is stored; processes and questions of the next."""
        builder = RepoBuilder(kind)
        for number in range(commits):
            builder.commit(f"commit {number}", {f"file{number % 4}": f"{number}\n", "README": f"{number}\n"})
        repository, _ = make_repository(builder, f"r{commits}")
        hg_server.close_servers()
        asked.clear()
        assert client.get(f"/{repository.name}{path}").status_code == 200
        first = len(asked)
        asked.clear()
        assert client.get(f"/{repository.name}{path}").status_code == 200
        return first, asked.count("process"), asked.count("question")

    few, many = costs(4), costs(300)
    assert few[1:] == many[1:]
    assert few[1] <= 3
    # Not equal: one process reads many commits of Git, while for a few its long-lived reader is started and asked.
    assert 0 < many[0] <= few[0] <= 17
