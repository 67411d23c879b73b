"""``python -m tests.stress [crowd] [kills] [large]``: a running site under a heavy load, on this machine only.

crowd: 20 clients clone and push at once to 4 repositories for a minute. kills: the server is killed 20 times during
pushes and forks. large: 1 GB is pushed and cloned. Afterwards the tools check every repository, nothing is half made,
and every changeset that a client was told to be accepted must be there, and in the journal exactly once.
``STRESS_SECONDS``, ``STRESS_CLIENTS``, ``STRESS_KILLS`` and ``STRESS_BYTES`` make it smaller, ``DATABASE_URL`` names
another (empty) database. Status 1 when something was lost, refused or too large.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

from tests.repo_builder import ENVIRONMENT
from tests.site.memory import Peaks, tree
from tests.site.running import KEY, ROOT, RunningSite, environment

SECONDS = float(os.environ.get("STRESS_SECONDS", "60"))
CLIENTS = int(os.environ.get("STRESS_CLIENTS", "20"))
KILLS = int(os.environ.get("STRESS_KILLS", "20"))
BYTES = int(os.environ.get("STRESS_BYTES", str(1 << 30)))
LONGEST_START = 60.0  # seconds until pushes of both tools come through; a kill before proves nothing
MOST_MEMORY = 150 << 20  # bytes of any process
KINDS = ("git", "hg")
#: Nobody reads what the server prints, so it prints no requests.
SITE = {"ACCESS_LOG": "0", **{name: os.environ[name] for name in ("DATABASE_URL",) if name in os.environ}}

PERSON = {
    **ENVIRONMENT,
    "HGUSER": "Ann <ann@example.com>",
    **{f"GIT_{role}_{part}": value
       for role in ("AUTHOR", "COMMITTER") for part, value in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))},
    "GIT_TERMINAL_PROMPT": "0",
}  # fmt: skip

#: What the database says of each repository: its state, and how often the journal has each changeset.
LOOK = """
import json, collections, django
django.setup()
from accounts.models import JournalEntry
from repos.models import Repository
answer = {}
for repository in Repository.objects.all():
    entries = JournalEntry.objects.filter(action="push", subject_type="repository", subject_id=repository.pk)
    found = collections.Counter(raw_id for entry in entries for raw_id in entry.data["changesets"])
    answer[repository.name] = [repository.state, found]
print(json.dumps(answer))
"""


class Refused(Exception):
    """A client ended with an error."""


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=PERSON, capture_output=True, text=True, timeout=1800
    )
    if done.returncode:
        raise Refused(f"{' '.join(map(str, command[:3]))}: {done.stdout}{done.stderr}"[-800:])
    return done.stdout


# -- the site ------------------------------------------------------------------------------------------------------


def api(site: RunningSite, method: str, **args: object) -> Any:
    body = json.dumps({"id": 1, "api_key": KEY, "method": method, "args": args}).encode()
    with urllib.request.urlopen(f"{site.url}/_admin/api", body, timeout=120) as response:
        answer = json.load(response)
    if answer["error"]:
        raise Refused(str(answer["error"]))
    return answer["result"]


def unfinished(site: RunningSite) -> bool:
    """Whether a killed request has left a job that nobody has looked after yet."""
    states = {job["state"] for job in api(site, "get_jobs", limit=1000)}
    return bool(states & {"waiting", "running"})


def url(site: RunningSite, name: str) -> str:
    return site.url.replace("://", f"://admin:{KEY}@") + f"/{name}"


def kill(site: RunningSite, *, with_tools: bool) -> None:
    """End the server at once, all of it or without the tools that it has started."""
    workers = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
    doomed = list(tree(site.process.pid)) if with_tools else [site.process.pid, *map(int, workers)]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    site.stop(signal.SIGKILL)


# -- a client ------------------------------------------------------------------------------------------------------


class Client:
    """Somebody with a clone and a branch of their own."""

    def __init__(self, kind: str, number: int, folder: Path) -> None:
        self.kind, self.number, self.branch = kind, number, f"topic{number}"
        self.path = folder / f"{kind}{number}"
        self.steps = count()

    def start(self) -> None:
        if self.kind == "git":
            run("git", "init", "-q", "-b", self.branch, self.path)
        else:
            run("hg", "init", self.path)
            run("hg", "branch", "-q", self.branch, cwd=self.path)

    def commit(self) -> str:
        step = next(self.steps)
        (self.path / f"file{self.number}").write_text(f"{self.number} {step} {random.random()}\n" * 50)
        if self.kind == "git":
            run("git", "add", "-A", cwd=self.path)
            run("git", "commit", "-qm", f"{self.number} {step}", cwd=self.path)
            return run("git", "rev-parse", "HEAD", cwd=self.path).strip()
        run("hg", "commit", "-qAm", f"{self.number} {step}", cwd=self.path)
        return run("hg", "log", "-r", ".", "-T", "{node}", cwd=self.path)

    def push(self, address: str) -> None:
        if self.kind == "git":
            run("git", "push", "-q", address, f"HEAD:refs/heads/{self.branch}", cwd=self.path)
        else:
            run("hg", "push", "-q", "-f", "--new-branch", address, cwd=self.path)

    def clone(self, address: str) -> None:
        with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
            run(self.kind, "clone", "-q", *(["-U"] if self.kind == "hg" else []), address, f"{folder}/clone")


def together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- afterwards ----------------------------------------------------------------------------------------------------


def examine(home: Path, accepted: dict[str, set[str]]) -> list[str]:
    """What is wrong: with the repositories on disk, with what they have, or with the journal."""
    with RunningSite(home, **SITE) as site:
        for name in accepted:
            api(site, "get_repo", repoid=name)  # a read notices what a killed push has left
        until = time.monotonic() + 2 * LONGEST_START
        while unfinished(site) and time.monotonic() < until:
            time.sleep(1)
    env = {
        **environment(home, **SITE),
        "DJANGO_SETTINGS_MODULE": "kallithea_site.settings",
        "PYTHONPATH": str(ROOT),
    }
    looked = json.loads(subprocess.run([sys.executable, "-c", LOOK], env=env, check=True, capture_output=True).stdout)
    staging = home / "repositories" / ".staging"
    wrong = [f"{path.name} is still staged" for path in staging.iterdir() if path.is_dir()]
    for name, (state, journal) in looked.items():
        path = home / "repositories" / name
        if state != "repo_state_created":
            wrong.append(f"{name} is {state}")
            continue
        try:
            if (path / ".hg").is_dir():
                run("hg", "verify", "-q", "-R", path)
                listed = set(run("hg", "log", "-R", path, "-T", "{node}\n").split())
            else:
                run("git", "-c", "safe.directory=*", "-C", path, "fsck", "--full", "--no-dangling")
                listed = set(run("git", "-c", "safe.directory=*", "-C", path, "rev-list", "--all").split())
        except Refused as error:
            wrong.append(f"{name}: {error}")
            continue
        if name in accepted:
            wrong += [f"{name} has lost {raw_id}" for raw_id in accepted[name] - listed]
            wrong += [f"{name}: {raw_id} is not in the journal" for raw_id in listed - journal.keys()]
            twice = [raw_id for raw_id, times in journal.items() if times > 1]
            wrong += [f"{name}: {raw_id} is in the journal more than once" for raw_id in twice]
            print(f"  {name}: {len(listed)} changesets, {len(accepted[name])} accepted, {len(journal)} in the journal")
    wrong += [f"{name} is gone" for name in accepted.keys() - looked.keys()]
    return wrong


# -- the three trials ----------------------------------------------------------------------------------------------


def crowd(home: Path, folder: Path) -> list[str]:
    names = {f"{kind}-{number}": kind for kind in KINDS for number in range(2)}
    accepted: dict[str, set[str]] = {name: set() for name in names}
    done: Counter[str] = Counter()
    wrong: list[str] = []
    with RunningSite(home, **SITE, WEB_WORKERS="2") as site, Peaks(site) as memory:
        for name, kind in names.items():
            api(site, "create_repo", repo_name=name, repo_type=kind)
        until = time.monotonic() + SECONDS

        def work(number: int, name: str) -> None:
            client = Client(names[name], number, folder)
            client.start()
            while time.monotonic() < until:
                try:
                    made = [client.commit() for _ in range(random.randint(1, 3))]
                    client.push(url(site, name))
                    accepted[name].update(made)
                    client.clone(url(site, name))
                    done.update([f"{client.kind} pushes", f"{client.kind} clones"])
                except Refused as error:
                    wrong.append(str(error))

        names_in_turn = [list(names)[number % len(names)] for number in range(CLIENTS)]
        together([partial(work, number, name) for number, name in enumerate(names_in_turn)])
    print(f"crowd: {CLIENTS} clients, {SECONDS:.0f} s: {dict(sorted(done.items()))}, {memory}")
    wrong += [f"no {kind} push came through" for kind in KINDS if not done[f"{kind} pushes"]]
    return wrong + examine(home, accepted)


def kills(home: Path, folder: Path) -> list[str]:
    names = {f"killed-{kind}": kind for kind in KINDS}
    accepted: dict[str, set[str]] = {name: set() for name in names}
    interrupted: Counter[str] = Counter()
    refused: list[str] = []
    slow: list[str] = []
    clients = [Client(kind, number, folder) for number in range(100, 103) for kind in KINDS]
    for client in clients:
        client.start()
    forks = count()
    for attempt in range(KILLS):
        site = RunningSite(home, **SITE)
        with site:
            if not attempt:
                for name, kind in names.items():
                    api(site, "create_repo", repo_name=name, repo_type=kind)
            stopped = threading.Event()
            going: set[str] = set()  # the tools whose pushes come through

            def work(
                client: Client, site: RunningSite = site, stopped: threading.Event = stopped, going: set[str] = going
            ) -> None:
                name = f"killed-{client.kind}"
                while not stopped.is_set():
                    made = client.commit()
                    try:
                        client.push(url(site, name))
                        accepted[name].add(made)
                        going.add(client.kind)
                    except Refused as error:
                        if not stopped.is_set():
                            refused.append(str(error))
                        interrupted[f"{client.kind} pushes"] += 1
                        return

            def fork(name: str, site: RunningSite = site, stopped: threading.Event = stopped) -> None:
                while not stopped.is_set():
                    try:
                        api(site, "fork_repo", repoid=name, fork_name=f"fork-{next(forks)}")
                    except (Refused, OSError, HTTPException):
                        interrupted["forks"] += 1
                        return

            def end(
                site: RunningSite = site,
                stopped: threading.Event = stopped,
                going: set[str] = going,
                attempt: int = attempt,
            ) -> None:
                until = time.monotonic() + LONGEST_START
                while going != set(KINDS) and time.monotonic() < until:
                    time.sleep(0.05)
                slow.extend(f"no {kind} push came through before kill {attempt}" for kind in set(KINDS) - going)
                time.sleep(random.uniform(0, 2))
                stopped.set()
                kill(site, with_tools=attempt % 2 == 1)

            works = [partial(work, client) for client in clients]
            together([*works, *(partial(fork, name) for name in names), end])
    print(f"kills: {KILLS} times, broke off {dict(interrupted)}, {next(forks)} forks begun")
    return refused + slow + examine(home, accepted)


def large(home: Path, folder: Path) -> list[str]:
    wrong: list[str] = []
    for kind, files in (("git", 4), ("hg", 128)):  # Mercurial holds a file in memory, several times
        with RunningSite(home, **SITE) as site, Peaks(site) as memory:
            name = f"large-{kind}"
            api(site, "create_repo", repo_name=name, repo_type=kind)
            client = Client(kind, 200, folder)
            client.start()
            if kind == "git":
                for setting, value in (("core.compression", "0"), ("core.bigFileThreshold", "1m")):  # no delta
                    run("git", "config", setting, value, cwd=client.path)
            for number in range(files):
                with (client.path / f"large{number}").open("wb") as file:
                    for _ in range(BYTES // files >> 20):
                        file.write(os.urandom(1 << 20))
            client.commit()
            started = time.monotonic()
            client.push(url(site, name))
            pushed = time.monotonic()
            client.clone(url(site, name))
            cloned = time.monotonic()
        print(
            f"large: {kind} {BYTES >> 20} MB in {files} files, push {pushed - started:.0f} s,"
            f" clone {cloned - pushed:.0f} s, {memory}"
        )
        largest = memory.of_programs().items()
        wrong += [f"{name} had {size >> 20} MB ({kind})" for name, size in largest if size > MOST_MEMORY]
    return wrong


def main() -> int:
    trials = {"crowd": crowd, "kills": kills, "large": large}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="stress-") as name:
        home = Path(name, "home")
        for trial in sys.argv[1:] or trials:
            folder = Path(name, trial)
            folder.mkdir()
            wrong += trials[trial](home, folder)
    for line in wrong:
        print("WRONG", line)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
