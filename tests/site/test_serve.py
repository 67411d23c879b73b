"""``manage.py serve``, behind ``make run``."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from api.cli import call
from kallithea_site import bootstrap
from tests.site.running import KEY, ROOT, RunningSite, environment

pytestmark = [pytest.mark.own_site, pytest.mark.xdist_group("running site")]


def start(home, **more):
    """A start that is expected to end at once."""
    command = [sys.executable, "manage.py", "serve"]
    return subprocess.run(command, cwd=ROOT, env=environment(home, **more), capture_output=True, text=True, timeout=300)


def test_first_and_second_start(tmp_path):
    home = tmp_path / "home"
    with RunningSite(home, KALLITHEA_ADMIN_API_KEY="") as first:
        lines = [line.strip() for line in first.output.splitlines()]
        curl = next(line for line in lines if line.startswith("curl "))
        client = next(line for line in lines if "kallithea-api" in line)
        for line, result in ((curl, "result"), (f"{client} --format json", None)):
            printed = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=300, check=True)
            answer = json.loads(printed.stdout)
            assert "py_version" in (answer[result] if result else answer)
    assert first.process.returncode == 0
    assert (home / "secret").stat().st_mode & 0o777 == 0o600
    said = (first.output + first.log.read_text()).replace(KEY, "")
    assert (home / "secret").read_text().strip() not in said
    assert " WARNING " not in said
    rows = "select id, username, firstname, lastname, email, is_admin from accounts_user order by id"
    before = list(sqlite3.connect(home / "kallithea.db").execute(rows))
    assert before[0][:2] == (1, "default")
    assert before[1:] == [(2, "admin", "Kallithea", "Admin", "admin@example.com", 1)]

    with RunningSite(home, ACCESS_LOG="0") as second:
        assert second.stop(signal.SIGINT) == 0
    assert second.output.strip() == f"Kallithea is at {second.url}/"
    assert list(sqlite3.connect(home / "kallithea.db").execute(rows)) == before


CUT_OFF = """
import django
django.setup()
from accounts.models import User
from repos.models import Job, Repository
fork = Repository.objects.create(name="fork", kind="hg", state=Repository.State.PENDING, owner=User.objects.get(pk=2))
Job.objects.create(kind="fork", state=Job.State.RUNNING, repository=fork, repository_name="fork")
"""


def test_a_process_that_takes_the_place_of_a_killed_one_puts_in_order_what_that_one_was_at(site, tmp_path):
    env = {**environment(site.home), "DJANGO_SETTINGS_MODULE": "kallithea_site.settings", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", CUT_OFF], env=env, check=True)
    staged = site.home / "repositories" / ".staging" / "half"
    staged.mkdir(parents=True)
    (worker,) = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    (_, error), until = call(site.url, KEY, "get_repo", {"repoid": "fork"}), time.monotonic() + 120
    while error is None and time.monotonic() < until:
        time.sleep(0.1)
        _, error = call(site.url, KEY, "get_repo", {"repoid": "fork"})
    assert error == "repository `fork` does not exist"
    [job] = [job for job in call(site.url, KEY, "get_jobs", {})[0] if job["repository"] == "fork"]
    assert (job["state"], job["error"]) == ("failed", "The server was stopped.")
    assert not staged.exists()


def test_two_starts_at_once_make_one_site(tmp_path):
    home = tmp_path / "home"
    with RunningSite(home) as first, RunningSite(home) as second:
        assert sum(KEY in running.output for running in (first, second)) == 1
        assert first.url != second.url


def test_a_start_deletes_the_temporary_files_of_servers_that_were_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    running = bootstrap.temporary_folder()
    (tmp_path / "kallithea-server-killed" / "hgweb-x").mkdir(parents=True)
    (tmp_path / "kallithea-server-link").symlink_to(tmp_path)
    (tmp_path / "other").mkdir()
    mine = bootstrap.temporary_folder()
    assert {path.name for path in tmp_path.iterdir()} == {running.name, mine.name, "kallithea-server-link", "other"}


def test_temporary_files_of_a_server_are_in_its_folder(tmp_path):
    with RunningSite(tmp_path / "home", TMPDIR=str(tmp_path)) as site:
        (folder,) = tmp_path.glob("kallithea-server-*")
        workers = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
        for number in [site.process.pid, *workers]:
            assert f"TMPDIR={folder}".encode() in Path(f"/proc/{number}/environ").read_bytes().split(b"\0")


def one_line(ended, text):
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert text in ended.stderr


def test_port_in_use(site, tmp_path):
    one_line(start(tmp_path, PORT=str(site.host[1])), f"PORT {site.host[1]}: Address already in use")


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"PORT": "http"}, "PORT must be a whole number"),
        ({"PORT": "70000"}, "PORT must be between 0 and 65535"),
        ({"HOST": "192.0.2.1"}, "HOST 192.0.2.1"),
        ({"KALLITHEA_HOME": "/proc/nowhere"}, "KALLITHEA_HOME /proc/nowhere cannot be written"),
        ({"KALLITHEA_HOME": "/dev/null"}, "KALLITHEA_HOME /dev/null cannot be"),
        ({"REPOSITORIES_ROOT": "/proc/nowhere"}, "REPOSITORIES_ROOT /proc/nowhere cannot be written"),
        ({"KALLITHEA_ADMIN_API_KEY": "too-short"}, "KALLITHEA_ADMIN_API_KEY must be 40 letters and digits"),
        ({"DATABASE_URL": "nonsense://x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://somebody:hidden@127.0.0.1:1/x"}, "The database cannot be reached"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "Redis cannot be reached"),
        ({"CELERY_BROKER_URL": "redis://:hidden@127.0.0.1:1/0"}, "The broker cannot be reached (CELERY_BROKER_URL)"),
        ({"CELERY_BROKER_URL": "amqp://me:hidden@127.0.0.1:1//"}, "The broker cannot be reached (CELERY_BROKER_URL)"),
        ({"CELERY_BROKER_URL": "nonsense"}, "The broker cannot be reached (CELERY_BROKER_URL)"),
        ({"PATH": "/nonexistent"}, "Git 2.38 or newer is needed"),
    ],
)
def test_what_is_missing_is_said_in_one_line(tmp_path, variables, text):
    ended = start(tmp_path, **variables)
    one_line(ended, text)
    assert "hidden" not in ended.stderr


def test_a_site_as_the_manual_has_it_passes_djangos_checks(tmp_path):
    """``check --deploy``; the folder that it makes is for nobody else."""
    home = tmp_path / "home"
    variables = environment(home, HTTPS_ONLY="1", ALLOWED_HOSTS="code.example.com", TRUSTED_PROXIES="127.0.0.1")
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert home.stat().st_mode & 0o777 == 0o700


def test_old_git_is_refused(tmp_path):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\necho git version 2.20.1\n")
    git.chmod(0o755)
    one_line(start(tmp_path, PATH=f"{git.parent}{os.pathsep}{os.environ['PATH']}"), "this is git version 2.20.1")


def test_health_says_no_more_than_necessary(client, db, repositories_root, caplog):
    assert client.get("/_admin/health").content == b"ok\n"
    repositories_root.rmdir()
    answer = client.get("/_admin/health")
    assert (answer.status_code, answer.content) == (503, b"unavailable\n")
    assert str(repositories_root) in caplog.text
