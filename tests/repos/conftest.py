"""Real repositories of both tools, each with its row."""

from __future__ import annotations

import pytest

from repos.models import Repository
from tests.factories import RepositoryFactory
from tests.repo_builder import RepoBuilder, sample
from tests.repos.clients import serving, work_tree


@pytest.fixture
def server(repositories_root):
    """A site for clients of the tools, in a thread of this process; :class:`tests.repos.clients.Server`."""
    with serving() as running:
        yield running


@pytest.fixture
def work(kind, tmp_path):
    """A clone of nothing, with one changeset."""
    return work_tree(kind, tmp_path / "work")


@pytest.fixture
def make_repository(db, repositories_root):
    """``make_repository(builder, name="x", **fields)`` answers the row and the raw_ids by message."""
    made: list[Repository] = []

    def make(builder: RepoBuilder, name: str = "project", **fields) -> tuple[Repository, dict[str, str]]:
        path = repositories_root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = builder.build(path)
        made.append(RepositoryFactory(name=name, kind=builder.kind, enable_downloads=True, **fields))
        return made[-1], ids

    yield make
    for repository in made:
        repository.vcs.close()


@pytest.fixture
def project(kind, make_repository):
    """A public repository with a bit of everything."""
    return make_repository(sample(kind))
