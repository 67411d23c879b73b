"""A repository, its fork with a feature, and the people around them, for each tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from accounts.actors import Actor
from accounts.permissions import Level
from repos.models import Repository
from repos.vcs.backend import open_repository
from reviews.models import PullRequest
from reviews.services.pull_requests import open_pull_request
from tests.factories import AdminFactory, RepositoryFactory, UserFactory, grant
from tests.repo_builder import RepoBuilder
from tests.reviews.working import WorkingCopy

TEN = "".join(f"line {number}\n" for number in range(1, 11))


def changed(**lines: str) -> str:
    """:data:`TEN` with other lines: ``changed(l3="x")``."""
    return "".join(lines.get(f"l{number}", f"line {number}") + "\n" for number in range(1, 11))


@dataclass
class Scene:
    kind: str
    target: Repository
    origin: Repository
    owner: Actor
    reviewer: Actor
    writer: Actor  # may push to the target
    stranger: Actor
    admin: Actor
    folder: Path

    @property
    def trunk(self) -> str:
        return "default" if self.kind == "hg" else "main"

    def working_copy(self, repository: Repository, name: str = "wc") -> WorkingCopy:
        return WorkingCopy(self.kind, repository.path, self.folder / name)

    def feature(self, **lines: str) -> WorkingCopy:
        """A working copy of the fork with one pushed changeset on the branch ``feature``."""
        wc = self.working_copy(self.origin, "feature")
        wc.branch("feature")
        wc.commit("Feature", {"ten.txt": changed(**(lines or {"l3": "third"}))})
        wc.push()
        return wc

    def open(self, **more) -> PullRequest:
        arguments = {
            "actor": self.owner,
            "origin": self.origin,
            "origin_ref": "branch:feature",
            "target": self.target,
            "target_ref": f"branch:{self.trunk}",
            "title": "A feature",
            "reviewers": [self.reviewer.user],
        }
        return open_pull_request(**(arguments | more))

    def fresh(self, pull_request: PullRequest) -> PullRequest:
        return PullRequest.objects.get(pk=pull_request.pk)


@pytest.fixture
def scene(db, settings, kind, repositories_root, tmp_path):
    settings.SITE_URL = "http://code.example.com"
    builder = RepoBuilder(kind)
    builder.commit("base", {"ten.txt": TEN, "other.txt": "other\n"})
    builder.build(repositories_root / "main")
    open_repository(kind, repositories_root / "fork").clone_local(
        repositories_root / "main", repositories_root / "fork"
    )
    boss, owner, reviewer = AdminFactory(username="boss"), UserFactory(username="olga"), UserFactory(username="rita")
    writer, stranger = UserFactory(username="wim"), UserFactory(username="stan")
    target = RepositoryFactory(name="main", kind=kind, owner=boss)
    origin = RepositoryFactory(name="fork", kind=kind, owner=owner, fork_of=target)
    grant(target, writer, Level.WRITE)
    folder = tmp_path / "work"
    folder.mkdir()
    made = Scene(kind, target, origin, *map(Actor, (owner, reviewer, writer, stranger, boss)), folder)
    yield made
    for repository in (target, origin):
        repository.vcs.close()
