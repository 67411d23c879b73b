"""Which changesets a repository has, as the database knows it: always what the tool lists."""

import pytest

from repos.models import RepositoryChangeset, StoredChangeset
from repos.services import changes, changesets
from tests.factories import RepositoryFactory
from tests.repo_builder import RepoBuilder, git, sample

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(kind, repositories_root):
    sample(kind).build(repositories_root / "project")
    return RepositoryFactory(name="project", kind=kind)


def rows(repository):
    return sorted(repository.changesets.values_list("changeset_id", flat=True))


def listed(repository):
    return sorted(position.raw_id for position in repository.vcs.positions())


def test_the_rows_are_what_the_tool_lists(project):
    changes.refresh(project)
    assert rows(project) == listed(project)
    assert StoredChangeset.objects.filter(repository_rows__repository=project, files="").count() == len(rows(project))


def test_nothing_is_asked_where_nothing_has_moved(project, django_assert_num_queries, monkeypatch):
    changesets.sync(project)
    monkeypatch.setattr(type(project.vcs), "positions", lambda *args: pytest.fail("listed"))
    with django_assert_num_queries(0):
        changesets.sync(project)


def test_queries_are_counted_in_batches(repositories_root, django_assert_max_num_queries):
    builder = RepoBuilder("git")
    for number in range(60):
        builder.commit(f"change {number}", {"file": f"{number}\n".encode()})
    builder.build(repositories_root / "long")
    repository = RepositoryFactory(name="long", kind="git")
    with django_assert_max_num_queries(8):  # one batch: known, stored, fill, state, rows, and a savepoint or two
        changesets.sync(repository)
    assert len(rows(repository)) == 60


def test_changesets_that_are_gone_are_no_longer_the_repositorys(repositories_root):
    builder = RepoBuilder("git")
    for number in range(3):
        builder.commit(f"change {number}", {"file": f"{number}\n".encode()})
    builder.build(repositories_root / "project")
    project = RepositoryFactory(name="project", kind="git")
    changesets.sync(project)
    before = rows(project)
    git(project.path, "update-ref", "refs/heads/main", "refs/heads/main~1")
    changesets.sync(project)
    assert rows(project) == listed(project)
    assert len(rows(project)) < len(before)
    assert StoredChangeset.objects.count() == len(before)


def test_of_two_at_once_the_later_view_wins(project, monkeypatch):
    """One compares with an old list while another writes: the first begins again with what is there by then."""
    stale = type(project).objects.get(pk=project.pk)
    changesets.sync(project)
    RepositoryChangeset.objects.filter(pk=(project.pk, rows(project)[0])).delete()
    type(project).objects.filter(pk=project.pk).update(changesets_state="of another moment")
    changesets.sync(stale)
    assert rows(project) == listed(project)
    assert stale.changesets_state == stale.vcs.state()


def test_an_empty_repository_has_none(kind, repositories_root):
    repository = RepositoryFactory(name="empty", kind=kind)
    type(repository.vcs).create(repository.path)
    changes.refresh(repository)
    assert rows(repository) == []
