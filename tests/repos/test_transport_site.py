"""The real server: bodies in chunks, flat memory, many clients at once."""

import os
import subprocess
import sys
import threading

import pytest

from tests.repos.clients import Refused, call, clone, commit, head, push, work_tree
from tests.site.memory import PROGRAMS, Peaks
from tests.site.running import KEY, ROOT, RunningSite, environment

pytestmark = [pytest.mark.own_site, pytest.mark.xdist_group("running site")]

MAKE = """
import django
django.setup()
from accounts.models import User
from repos.models import Repository
for name, kind in (("team", "git"), ("team", "hg"), ("large", "git"), ("large", "hg")):
    made = Repository.objects.create(name=name + "-" + kind, kind=kind, owner=User.objects.get(pk=2))
    type(made.vcs).create(made.path)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("transport") / "home"
    with RunningSite(home) as running:
        env = {**environment(home), "DJANGO_SETTINGS_MODULE": "kallithea_site.settings", "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", MAKE], env=env, check=True)
        yield running


def address(site, kind, name="team"):
    return site.url.replace("://", f"://admin:{KEY}@") + f"/{name}-{kind}"


@pytest.mark.parametrize("kind", ["git", "hg"])
def test_a_large_push_comes_in_chunks_and_costs_no_memory(site, kind, tmp_path):
    """One large file is nothing to a worker; and of many files, nothing holds more than a few at once."""
    work = work_tree(kind, tmp_path / "work")
    url = address(site, kind, "large")
    branch = ["HEAD:refs/heads/main"] if kind == "git" else []
    with Peaks(site) as before:
        push(kind, work, url, *branch)
        clone(kind, url, tmp_path / "small")
    (work / "large").write_bytes(os.urandom(40 << 20))
    commit(kind, work, "large", "small")
    with Peaks(site) as one:
        push(kind, work, url, *branch)
        copy = clone(kind, url, tmp_path / "copy")
    assert head(kind, copy) == head(kind, work)
    assert (copy / "large").stat().st_size == 40 << 20
    assert one["gunicorn"] - before["gunicorn"] < 20 << 20
    for number in range(40):
        (work / f"many{number}").write_bytes(os.urandom(1 << 20))
    commit(kind, work, "many", "small")
    with Peaks(site) as many:
        push(kind, work, url, *branch)
    assert all(many[program] - before[program] < 20 << 20 for program in PROGRAMS), f"{before}; {many}"


def test_clients_at_once_lose_nothing(site, tmp_path):
    accepted: dict[str, set[str]] = {"git": set(), "hg": set()}
    failed: list[str] = []

    def client(number: int, kind: str) -> None:
        try:
            work = work_tree(kind, tmp_path / f"{kind}{number}")
            if kind == "hg":
                call("hg", "branch", "-q", f"topic{number}", cwd=work)
            for step in range(2):
                made = commit(kind, work, f"{number} {step}", f"file{number}")
                more = [f"HEAD:refs/heads/topic{number}"] if kind == "git" else ["-f", "--new-branch"]
                push(kind, work, address(site, kind), *more)
                accepted[kind].add(made)
            clone(kind, address(site, kind), tmp_path / f"{kind}{number}-copy")
        except Refused as error:
            failed.append(str(error))

    threads = [threading.Thread(target=client, args=(number, kind)) for number in range(3) for kind in ("git", "hg")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    copies = {kind: clone(kind, address(site, kind), tmp_path / f"all-{kind}") for kind in ("git", "hg")}
    assert accepted["git"] <= set(call("git", "rev-list", "--all", cwd=copies["git"]).split())
    assert accepted["hg"] <= set(call("hg", "log", "-T", "{node}\n", cwd=copies["hg"]).split())
