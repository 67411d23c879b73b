"""Real git and hg clients, and a server for them that shares the test's database connection."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections
from django.test.testcases import QuietWSGIRequestHandler

from accounts.models import User
from repos.models import Repository
from tests.factories import RepositoryFactory, key_of

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "HGRCPATH": "",
    "HGPLAIN": "1",
    "HGUSER": "Ann <ann@example.com>",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.com",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class Refused(Exception):
    """The client ended with an error; its text is what the client said."""


def call(*args: object, cwd: Path | None = None, **env: str) -> str:
    """What a command prints; :class:`Refused` when it fails."""
    done = subprocess.run(
        [str(arg) for arg in args], cwd=cwd, env={**ENVIRONMENT, **env}, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


class Server:
    """A running site; ``url`` builds what a user would type."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def url(self, repository: Repository | str, user: User | str | None = None, password: str | None = None) -> str:
        name = repository if isinstance(repository, str) else repository.name
        who = ""
        if user is not None:
            secret = password if password is not None else key_of(user) if isinstance(user, User) else ""
            who = f"{quote(str(user), safe='')}:{quote(secret, safe='')}@"
        return f"http://{who}{self.host}:{self.port}/{quote(name)}"


class _SharingServer(ThreadedWSGIServer):
    """Each request's thread uses the test's connection and leaves it open."""

    def _close_connections(self) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    connection = connections["default"]
    connection.inc_thread_sharing()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # as Django's own test client does inside a transaction
    server = _SharingServer(("127.0.0.1", 0), QuietWSGIRequestHandler, connections_override={"default": connection})
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Server("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
        connection.dec_thread_sharing()


def repository(kind: str, root: Path, **fields: object) -> Repository:
    """An empty repository, in the database and on disk."""
    made: Repository = RepositoryFactory(kind=kind, **fields)
    (root / made.name).parent.mkdir(parents=True, exist_ok=True)
    type(made.vcs).create(made.path)
    return made


def work_tree(kind: str, path: Path) -> Path:
    """A local repository with one commit of one file, on the branch ``main`` or ``default``."""
    call(kind, "init", "-q", *(["-b", "main"] if kind == "git" else []), path)
    commit(kind, path, "one")
    return path


def commit(kind: str, path: Path, message: str, name: str = "file", content: str | None = None) -> str:
    """Commit one file; the raw_id."""
    (path / name).write_text(message if content is None else content)
    if kind == "git":
        call("git", "add", "-A", cwd=path)
        call("git", "commit", "-qm", message, cwd=path)
    else:
        call("hg", "commit", "-qAm", message, cwd=path)
    return head(kind, path)


def head(kind: str, path: Path) -> str:
    if kind == "git":
        return call("git", "rev-parse", "HEAD", cwd=path).strip()
    return call("hg", "log", "-r", ".", "-T", "{node}", cwd=path)


def push(kind: str, path: Path, url: str, *more: str) -> str:
    if kind == "git":
        return call("git", "push", "-q", url, *(more or ("HEAD:refs/heads/main",)), cwd=path)
    return call("hg", "push", "-q", url, *more, cwd=path)


def clone(kind: str, url: str, path: Path) -> Path:
    call(kind, "clone", "-q", url, path)
    return path
