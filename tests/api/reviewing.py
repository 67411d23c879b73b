"""A pull request on disk and in the database, for the tests of the methods about them."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import User
from repos.models import Repository
from repos.vcs.types import FileWrite, Signature
from reviews.models import PullRequest
from reviews.services.pull_requests import open_pull_request
from tests.factories import AdminFactory, RepositoryFactory, UserFactory, actor
from tests.repo_builder import START, RepoBuilder

DORA = Signature("Dora Dev", "dora@example.com", START)


@dataclass
class Reviewed:
    """One repository with the branch ``feature`` of two changesets, a pull request of it, its owner and reviewer."""

    repository: Repository
    ids: dict[str, str]
    owner: User
    reviewer: User
    trunk: str
    pull_request: PullRequest

    @property
    def number(self) -> int:
        return self.pull_request.pk

    @property
    def revisions(self) -> list[str]:
        return [self.ids["one"], self.ids["two"]]

    def fresh(self) -> PullRequest:
        return PullRequest.objects.get(pk=self.number)

    def push(self, message: str = "three") -> str:
        """A further changeset on ``feature``; its raw_id."""
        tip = self.repository.vcs.refs().branches["feature"]
        file = FileWrite(f"{message}.txt", message.encode())
        return self.repository.vcs.commit([file], message=message, author=DORA, branch="feature", parent=tip)


def make_reviewed(kind: str, root) -> Reviewed:
    builder = RepoBuilder(kind)
    builder.commit("base", {"a.txt": "1\n2\n3\n"})
    builder.commit("one", {"a.txt": "1\ntwo\n3\n"}, branch="feature")
    builder.commit("two", {"b.txt": "b\n"}, branch="feature")
    ids = builder.build(root / "code")
    owner, reviewer = UserFactory(username="olga"), UserFactory(username="rita")
    repository = RepositoryFactory(name="code", kind=kind, owner=AdminFactory(username="chief"))
    pull_request = open_pull_request(
        actor=actor(owner),
        origin=repository,
        origin_ref="branch:feature",
        target=repository,
        target_ref=f"branch:{builder.trunk}",
        title="A ☃ feature",
        reviewers=[reviewer],
    )
    return Reviewed(repository, ids, owner, reviewer, builder.trunk, pull_request)
