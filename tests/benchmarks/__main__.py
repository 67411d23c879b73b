"""``make bench``: a running site over HTTP beside the bare tools, in one run, in turns; a table of ratios.

Never part of the timed tests: the numbers are this machine's, only the ratios mean something. ``BENCH_CHANGESETS``
makes it smaller. Status 1 when a ratio is above its bound or an answer is not complete.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.histories import ENVIRONMENT, make_git, make_hg
from tests.site.memory import anonymous, tree
from tests.site.running import KEY, RunningSite

COUNT = int(os.environ.get("BENCH_CHANGESETS", "20000"))
REPOSITORIES = 5000
ROUNDS = 7
PER_PAGE = 100
GIT_FORMAT = "%H%x00%P%x00%an <%ae>%x00%ct%x00%B%x00"
HG_FORMAT = r"{node}\0{p1node} {p2node}\0{author}\0{date|hgdate}\0{desc}\0"


@dataclass
class Comparison:
    """One line of the table. ``ours`` and ``bare`` do the same work and say how much of it there was."""

    name: str
    bound: float
    ours: Callable[[], int]
    bare: Callable[[], int]
    rounds: int = ROUNDS

    def run(self) -> tuple[float, float]:
        """Median seconds of both, measured in turns after one unmeasured round each."""
        times: tuple[list[float], list[float]] = ([], [])
        if self.ours() != self.bare():
            raise SystemExit(f"{self.name}: {self.ours()} and {self.bare()} are not the same work")
        for _ in range(self.rounds):
            for action, spent in zip((self.ours, self.bare), times, strict=True):
                start = time.perf_counter()
                action()
                spent.append(time.perf_counter() - start)
        return statistics.median(times[0]), statistics.median(times[1])


class Client:
    """One kept connection to the site."""

    def __init__(self, site: RunningSite, key: str = KEY) -> None:
        self.key = key
        self.connection = http.client.HTTPConnection(*site.host, timeout=600)

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            return self._request(method, path, body)
        except ConnectionError:  # it was idle for too long, while a tool worked
            self.connection.close()
            return self._request(method, path, body)

    def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        self.connection.request(method, path, body, {"Authorization": f"Bearer {self.key}"})
        response = self.connection.getresponse()
        data = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {data[:200]!r}")
        return data

    def raw(self, method: str, **args: Any) -> bytes:
        """The answer unparsed, as a program in another process would receive it."""
        body = json.dumps({"id": 1, "api_key": self.key, "method": method, "args": args}).encode()
        answer = self.request("POST", "/_admin/api", body)
        if not answer.endswith(b'"error":null}'):
            raise SystemExit(f"{method}: {answer[:200]!r}")
        return answer

    def one(self, kind: str, raw_id: str) -> bool:
        return raw_id.encode() in self.raw("get_changeset", repoid=kind, raw_id=raw_id)

    def page(self, kind: str, number: int) -> int:
        """How many changesets are on a page, newest first."""
        answer = self.raw("get_changesets", repoid=kind, reverse=True, page=number, per_page=PER_PAGE)
        return answer.count(b'"raw_id"')

    def all(self, kind: str) -> int:
        return self.raw("get_changesets", repoid=kind).count(b'"raw_id"')

    def tree(self, kind: str, only: str) -> int:
        answer = self.raw("get_repo_nodes", repoid=kind, revision="tip", root_path="/", ret_type=only)
        return answer.count(b'"name"')

    def has_diff(self, kind: str, raw_id: str) -> bool:
        return len(self.request("GET", f"/{kind}/changeset-diff/{raw_id}")) > 0


def tool(*command: str) -> bytes:
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True).stdout


def git_comparisons(client: Client, reader: Client, path: Path) -> list[Comparison]:
    """``reader``: somebody who is no administrator, for whom grants have to be looked at."""
    git = ("git", "-C", str(path))
    log = (*git, "log", f"--format={GIT_FORMAT}")
    ids = tool(*git, "rev-list", "main").decode().split()
    sample = random.Random(1).sample(ids[:-1], min(50, len(ids) - 1))  # the root has no parent to be compared with
    deepest = (len(ids) - 1) // PER_PAGE

    def one(raw_id: str) -> bool:
        return tool(*log, "-1", "-m", "--name-status", raw_id)[:40] == raw_id.encode()

    def page(number: int) -> int:
        return tool(*log, f"--skip={number * PER_PAGE}", f"-n{PER_PAGE}", "main").count(b"\0") // 5

    def diff(raw_id: str) -> bool:
        return len(tool(*git, "diff", "--full-index", "--binary", f"{raw_id}^1", raw_id)) > 0

    return [
        Comparison(
            f"git  get_changeset, {len(sample)} of them / git log -1",
            1.5,
            lambda: sum(client.one("git", raw_id) for raw_id in sample),
            lambda: sum(one(raw_id) for raw_id in sample),
        ),
        Comparison("git  first page of 100 / git log", 2, lambda: client.page("git", 1), lambda: page(0)),
        Comparison(
            "git  last page of 100 / git log --skip", 2, lambda: client.page("git", deepest + 1), lambda: page(deepest)
        ),
        Comparison(
            "git  all changesets / git log",
            2.5,
            lambda: client.all("git"),
            lambda: tool(*log, "main").count(b"\0") // 5,
        ),
        Comparison(
            "git  whole tree / git ls-tree",
            2,
            lambda: client.tree("git", "all"),
            lambda: tool(*git, "ls-tree", "-r", "-t", "-z", "main").count(b"\0"),
        ),
        Comparison(
            "git  raw diff, 10 of them / git diff",
            2,
            lambda: sum(client.has_diff("git", raw_id) for raw_id in sample[:10]),
            lambda: sum(diff(raw_id) for raw_id in sample[:10]),
        ),
        Comparison(
            "git  the same as an ordinary user / git diff",
            2,
            lambda: sum(reader.has_diff("git", raw_id) for raw_id in sample[:10]),
            lambda: sum(diff(raw_id) for raw_id in sample[:10]),
        ),
    ]


def hg_comparisons(client: Client, path: Path) -> list[Comparison]:
    hg = ("hg", "-R", str(path))
    log = (*hg, "log", "-T", HG_FORMAT)
    ids = tool(*hg, "log", "-T", r"{node}\n").decode().split()
    sample = random.Random(1).sample(ids, min(10, len(ids)))
    deepest = (len(ids) - 1) // PER_PAGE

    def page(number: int) -> int:
        first = len(ids) - 1 - number * PER_PAGE
        return tool(*log, "-r", f"{first}:{max(0, first - PER_PAGE + 1)}").count(b"\0") // 5

    return [
        Comparison(
            "hg   get_changeset, 10 of them / hg log -r",
            1.5,
            lambda: sum(client.one("hg", raw_id) for raw_id in sample),
            lambda: sum(tool(*log, "-r", raw_id)[:40] == raw_id.encode() for raw_id in sample),
            rounds=3,
        ),
        Comparison("hg   first page of 100 / hg log", 2, lambda: client.page("hg", 1), lambda: page(0)),
        Comparison("hg   last page of 100 / hg log", 2, lambda: client.page("hg", deepest + 1), lambda: page(deepest)),
        Comparison(
            "hg   all changesets / hg log",
            0.7,
            lambda: client.all("hg"),
            lambda: tool(*log).count(b"\0") // 5,
            rounds=3,
        ),
        Comparison(
            "hg   whole tree / hg files",
            0.5,
            lambda: client.tree("hg", "files"),
            lambda: tool(*hg, "files", "-r", "tip", "-0").count(b"\0"),
        ),
        Comparison(
            "hg   raw diff, 10 of them / hg diff",
            0.5,
            lambda: sum(client.has_diff("hg", raw_id) for raw_id in sample),
            lambda: sum(len(tool(*hg, "diff", "--git", "-c", raw_id)) > 0 for raw_id in sample),
            rounds=3,
        ),
    ]


def database_comparison(client: Client, home: Path) -> Comparison:
    connection = sqlite3.connect(home / "kallithea.db")
    query = (
        "SELECT r.*, o.username, f.name FROM repos_repository r JOIN accounts_user o ON o.id = r.owner_id "
        "LEFT JOIN repos_repository f ON f.id = r.fork_of_id ORDER BY r.name"
    )
    return Comparison(
        f"     get_repos of {REPOSITORIES} / one SQL fetch",
        3,
        lambda: client.raw("get_repos").count(b'"repo_id"'),
        lambda: len(connection.execute(query).fetchall()),
    )


def furnish(home: Path) -> str:
    """A site with the two histories and many repositories in its database; in this process, before the server.

    Returns:
        the API key of somebody who is no administrator.
    """
    os.environ.update(
        KALLITHEA_HOME=str(home), KALLITHEA_ADMIN_API_KEY=KEY, DJANGO_SETTINGS_MODULE="kallithea_site.settings"
    )
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    import django

    django.setup()
    from accounts.actors import Actor
    from accounts.models import User
    from accounts.services import users
    from kallithea_site import bootstrap
    from repos.models import Repository
    from repos.services import rescan

    root = home / "repositories"
    root.mkdir()
    for kind, make in (("git", make_git), ("hg", make_hg)):
        start = time.perf_counter()
        make(root / kind, COUNT)
        print(f"generated {COUNT} changesets for {kind} in {time.perf_counter() - start:.0f} s", flush=True)
    bootstrap.prepare()
    admin = User.objects.get(username="admin")
    rescan.rescan(actor=Actor(admin))
    Repository.objects.bulk_create(
        Repository(name=f"many/repository-{number:04}", kind="hg", owner=admin) for number in range(REPOSITORIES - 2)
    )
    from repos.vcs.hg_server import close_servers

    close_servers()
    key = users.create(actor=Actor(admin), username="reader", email="reader@example.com").api_keys.get().value
    assert key is not None
    return key


def resident(site: RunningSite) -> float:
    """MiB that the server's processes and the tools that they keep hold."""
    return sum(anonymous(pid) for pid in tree(site.process.pid)) / (1 << 20)


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kallithea-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        reader = furnish(home)
        with RunningSite(home, ACCESS_LOG="0") as site:
            client = Client(site)
            for kind in ("git", "hg"):
                start = time.perf_counter()
                client.raw("get_changesets", repoid=kind)
                print(f"{kind}: the very first reading of all took {time.perf_counter() - start:.2f} s", flush=True)
            before = resident(site)
            print(f"\n{'':46}{'ours ms':>9}{'bare ms':>9}{'ratio':>7}{'bound':>7}")
            comparisons = [
                *git_comparisons(client, Client(site, reader), home / "repositories" / "git"),
                *hg_comparisons(client, home / "repositories" / "hg"),
                database_comparison(client, home),
            ]
            for comparison in comparisons:
                try:
                    ours, bare = comparison.run()
                except SystemExit as error:
                    print(f"{comparison.name:46} {error}", flush=True)
                    failed += 1
                    continue
                over = ours / bare > comparison.bound
                failed += over
                print(
                    f"{comparison.name:46}{ours * 1000:9.1f}{bare * 1000:9.1f}{ours / bare:7.2f}{comparison.bound:7.1f}"
                    + ("  ABOVE" if over else ""),
                    flush=True,
                )
            print(f"\nmemory of the server: {before:.0f} MiB before, {resident(site):.0f} MiB after")
    print(f"{failed} above their bound or not answered" if failed else "all within their bounds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
