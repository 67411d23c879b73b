"""A repository of each tool, the same in everything that both tools can express."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from repos.vcs.backend import Repository, open_repository
from repos.vcs.types import FileWrite, Signature
from tests.repo_builder import RepoBuilder, sample

AUTHOR = Signature("Carol Committer", "carol@example.com", datetime(2020, 5, 1, 12, 0, tzinfo=UTC))


@dataclass
class Made:
    """A repository and the raw_ids of its changesets by name."""

    repository: Repository
    ids: dict[str, str]
    trunk: str

    def __getitem__(self, name: str) -> str:
        return self.ids[name]


@pytest.fixture
def make(tmp_path):
    """Build a description at a name below the test's folder."""
    made = []

    def build(builder: RepoBuilder, name: str = "repository") -> Made:
        ids = builder.build(tmp_path / name)
        repository = open_repository(builder.kind, tmp_path / name)
        made.append(repository)
        return Made(repository, ids, builder.trunk)

    yield build
    for repository in made:
        repository.close()


@pytest.fixture
def sampled(make, kind):
    return make(sample(kind))


@pytest.fixture
def empty(tmp_path, kind):
    repository = open_repository(kind, tmp_path / "empty")
    type(repository).create(repository.path)
    yield repository
    repository.close()


def write(repository: Repository, branch: str, parent: str | None, files: dict[str, bytes | None], message="written"):
    return repository.commit(
        [FileWrite(path, content) for path, content in files.items()],
        message=message,
        author=AUTHOR,
        branch=branch,
        parent=parent,
    )


@contextmanager
def _listener():
    """A local server that must not be reached: its port, and the connections it saw."""
    seen = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def accept():
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                seen.append(address)
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def listener():
    """``with listener() as (port, connections)``."""
    return _listener
