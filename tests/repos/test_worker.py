"""Long work with a real server, a real broker and real workers, one of which is killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from kombu import Connection

from api.cli import call
from tests.repo_builder import RepoBuilder
from tests.repos.serving import served
from tests.site.running import KEY, ROOT, RunningSite, environment

BROKERS = {"redis": "redis://127.0.0.1:6379/9", "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//"}
pytestmark = [pytest.mark.own_site, pytest.mark.services, pytest.mark.xdist_group("running site")]


@pytest.fixture(params=BROKERS)
def broker(request):
    """The URL of a broker, and a queue of this test's own."""
    url, queue = BROKERS[request.param], f"kallithea-test-{uuid.uuid4().hex}"
    try:
        with Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from answering
        pytest.skip(f"no {request.param} at {url.rpartition('@')[2]}: {error}")
    yield {"CELERY_BROKER_URL": url, "CELERY_QUEUE": queue}
    with Connection(url) as connection, contextlib.suppress(Exception):
        connection.default_channel.queue_delete(queue)


class Worker:
    """A worker with one process for jobs; :meth:`kill` leaves it no time for anything."""

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        command = [sys.executable, "-m", "celery", "-A", "tests.repos.slow_worker", "worker", "--concurrency", "1"]
        command += ["-n", f"{uuid.uuid4().hex}@test", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        self.log = home / f"worker-{uuid.uuid4().hex}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(home, **variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        pids = [self.process.pid]
        with contextlib.suppress(OSError):
            pids += map(int, Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text().split())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


class Site:
    """A running site that a worker may clone from this machine for."""

    def __init__(self, running: RunningSite) -> None:
        self.running = running

    def __call__(self, method: str, **args: str):
        result, error = call(self.running.url, KEY, method, args)
        assert error is None, error
        return result

    def job(self, repository: str) -> dict:
        [job] = [job for job in self("get_jobs") if job["repository"] == repository]
        return job

    def wait(self, repository: str, worker: Worker, **expected: str) -> dict:
        """The job, once it looks like this."""
        until(lambda: expected.items() <= self.job(repository).items(), worker)
        return self.job(repository)


def until(there: Callable[[], object], worker: Worker) -> None:
    last = time.monotonic() + 180
    while not there():
        assert time.monotonic() < last, worker.log.read_text()
        time.sleep(0.1)


def staged(home: Path) -> list[Path]:
    """Repositories that are made and not yet where they belong."""
    return list((home / "repositories" / ".staging").glob("*/.hg"))


def test_jobs_with_a_worker(broker, tmp_path):
    home, hold = tmp_path / "home", tmp_path / "hold"
    hold.mkdir()
    variables = broker | {"HOLD": str(hold), "CLONE_ALLOWED_NETWORKS": "127.0.0.0/8", "METRICS_INTERVAL": "0"}
    builder = RepoBuilder("hg")
    builder.commit("first", {"a": "1"})
    raw_id = builder.build(tmp_path / "source")["first"]
    with RunningSite(home, **variables) as running, served("hg", tmp_path / "source") as url:
        site = Site(running)
        (hold / "move").touch()
        answer = site("create_repo", repo_name="copy", repo_type="hg", clone_uri=url)
        assert (answer["success"], answer["repo"]["state"]) == (True, "repo_state_pending")
        assert site.job("copy")["state"] == "waiting"  # nobody is there to take it

        with Worker(home, variables) as worker:
            assert site.wait("copy", worker, state="running")["started_on"]
            until((hold / "held").exists, worker)
            worker.kill()
        (hold / "move").unlink()
        assert site.job("copy")["state"] == "running"  # as far as anybody knows
        assert site("get_repo", repoid="copy")["last_changeset"]["revision"] == -1

        with Worker(home, variables) as worker:
            site.wait("copy", worker, state="done")
            copy = site("get_repo", repoid="copy")
            assert (copy["state"], copy["last_changeset"]["raw_id"]) == ("repo_state_created", raw_id)

            (hold / "move").touch()
            answer = site("fork_repo", repoid="copy", fork_name="fork")
            assert answer["msg"] == "Created fork of `copy` as `fork`"
            site.wait("fork", worker, state="running")
            assert site("get_repo", repoid="fork")["state"] == "repo_state_pending"
            (hold / "move").unlink()
            site.wait("fork", worker, state="done")
            fork = site("get_repo", repoid="fork")
            assert (fork["state"], fork["last_changeset"]["raw_id"]) == ("repo_state_created", raw_id)

            site("create_repo", repo_name="broken", repo_type="hg", clone_uri=f"{url}nothing")
            assert site.wait("broken", worker, state="failed")["error"] == "HTTP Error 404: Not Found"
            assert {repository["repo_name"] for repository in site("get_repos")} == {"copy", "fork"}

            before = worker.log.read_text().count(" succeeded in ")
            site("pull", repoid="copy")
            (home / "repositories" / "fork").rename(home / "repositories" / "found")
            assert site("rescan_repos", remove_obsolete="true") == {"added": ["found"], "removed": ["fork"]}
            site("delete_repo", repoid="found")
            kinds = {job["kind"] for job in site("get_jobs") if job["state"] == "done"}
            assert kinds == {"create", "fork", "pull", "rescan", "delete"}
            until(lambda: worker.log.read_text().count(" succeeded in ") == before + 3, worker)  # all the worker's work
            assert staged(home) == []  # nor is anything left of what the killed worker was at
