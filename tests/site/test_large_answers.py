"""Large answers leave the real server in pieces: its worker holds a small part of one, whatever there is to answer."""

from __future__ import annotations

import http.client
import json
import sqlite3
from pathlib import Path

import pytest

from tests.benchmarks.histories import make_git
from tests.site.running import KEY, RunningSite

pytestmark = [pytest.mark.own_site, pytest.mark.xdist_group("running site")]

CHANGESETS, REPOSITORIES = 20_000, 5_000
RESCAN = {"id": 1, "api_key": KEY, "method": "rescan_repos", "args": {}}


def call(site: RunningSite, method: str, **args) -> tuple[int, int, bytes]:
    """The length of an answer, of its longest piece, and the answer."""
    connection = http.client.HTTPConnection(*site.host, timeout=120)
    body = json.dumps({"id": 1, "api_key": KEY, "method": method, "args": args})
    connection.request("POST", "/_admin/api", body)
    response = connection.getresponse()
    assert response.getheader("Transfer-Encoding") == "chunked"
    data, longest = b"", 0
    while piece := response.read1(1 << 30):
        data += piece
        longest = max(longest, len(piece))
    connection.close()
    assert data.endswith(b'"error":null}'), data[:200]
    return len(data), longest, data


def worker(site: RunningSite) -> Path:
    [pid] = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
    return Path(f"/proc/{pid}")


def memory(process: Path, line: str) -> int:
    """Bytes: ``VmRSS`` now, ``VmHWM`` the most since :func:`forget_peak`."""
    return int((process / "status").read_text().partition(f"{line}:")[2].split()[0]) * 1024


def forget_peak(process: Path) -> None:
    (process / "clear_refs").write_text("5")


def fill(home: Path) -> None:
    """Rows of repositories like the one that is there."""
    connection = sqlite3.connect(home / "kallithea.db")
    columns = [row[1] for row in connection.execute("PRAGMA table_info(repos_repository)") if row[1] != "id"]
    chosen = ", ".join("'copy-' || n" if column == "name" else column for column in columns)
    connection.execute(
        f"WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {REPOSITORIES - 1}) "
        f"INSERT INTO repos_repository ({', '.join(columns)}) SELECT {chosen} FROM repos_repository, number"
    )
    connection.commit()
    connection.close()


def test_the_worker_stays_small(tmp_path):
    home = tmp_path / "home"
    with RunningSite(home, WEB_THREADS="1") as site:
        make_git(home / "repositories" / "large", CHANGESETS)
        connection = http.client.HTTPConnection(*site.host, timeout=120)
        connection.request("POST", "/_admin/api", json.dumps(RESCAN))
        assert json.loads(connection.getresponse().read())["result"] == {"added": ["large"], "removed": []}
        connection.close()
        fill(home)
        process = worker(site)
        questions: tuple[tuple[str, dict[str, object], bytes, int], ...] = (
            ("get_changesets", {"repoid": "large", "with_file_list": True}, b'"raw_id"', CHANGESETS),
            ("get_changesets", {"repoid": "large", "with_file_list": True}, b'"raw_id"', CHANGESETS),  # stored by now
            ("get_repos", {}, b'"repo_id"', REPOSITORIES),
        )
        for method, args, member, count in questions:
            forget_peak(process)
            before = memory(process, "VmRSS")
            length, longest, data = call(site, method, **args)
            grown = memory(process, "VmHWM") - before
            assert data.count(member) == count
            assert longest < length / 4
            assert grown < 24 << 20, f"{method}: {grown >> 20} MiB for an answer of {length >> 20} MiB"
