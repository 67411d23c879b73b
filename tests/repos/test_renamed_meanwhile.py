"""Others move, fill and delete groups while a name that was read before is still reckoned with."""

from contextlib import contextmanager

import pytest

from repos import tasks
from repos.models import Job, Repository, RepositoryGroup
from repos.services import forks, repositories, repository_groups, rescan, storage
from repos.services.errors import NotEmpty
from repos.services.storage import StorageError
from repos.vcs.git import GitRepository
from tests.factories import AdminFactory, actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return actor(AdminFactory())


@pytest.fixture
def group(boss, repositories_root):
    """``old``, with the repository ``old/one``."""
    made = repository_groups.create(actor=boss, name="old")
    repositories.create(actor=boss, name="one", group=made, kind="git")
    return made


@pytest.fixture
def just_before(monkeypatch):
    """``just_before(act)``: somebody else does that right before the next change of names."""
    lock = storage.lock

    def arrange(act):
        @contextmanager
        def late_lock():
            monkeypatch.setattr(storage, "lock", lock)
            act()
            with lock():
                yield

        monkeypatch.setattr(storage, "lock", late_lock)

    return arrange


@pytest.fixture
def rename(boss, group):
    def act():
        repository_groups.update(actor=boss, group=RepositoryGroup.objects.get(pk=group.pk), name="new")

    return act


@pytest.fixture
def agree(boss):
    """Whether database and disk hold these repositories, each in the group that its name says."""

    def agree(*names):
        rows = list(Repository.objects.select_related("group"))
        assert {row.name for row in rows} == set(names)
        assert all(row.name.rpartition("/")[0] == (row.group.name if row.group else "") for row in rows)
        assert all(storage.exists(name) for name in RepositoryGroup.objects.values_list("name", flat=True))
        found = rescan.rescan(actor=boss)
        assert (found.added, found.removed) == ([], [])

    return agree


def test_nothing_is_made_where_a_group_was(boss, group, rename, just_before, agree):
    one = Repository.objects.get()
    just_before(rename)
    with pytest.raises(StorageError):
        repositories.create(actor=boss, name="two", group=group)
    for make in (
        lambda: repositories.create(actor=boss, name="two", group=group, clone_uri="http://127.0.0.1:1/"),
        lambda: forks.create(actor=boss, parent=one, name="two", group=group),
        lambda: repository_groups.create(actor=boss, name="two", parent=group),
    ):
        with pytest.raises(StorageError):
            make()
    agree("new/one")
    assert RepositoryGroup.objects.count() == 1


def test_nothing_moves_to_where_a_group_was(boss, group, rename, just_before, agree):
    other = repositories.create(actor=boss, name="other")
    inner = repository_groups.create(actor=boss, name="inner")
    just_before(rename)
    with pytest.raises(StorageError):
        repositories.update(actor=boss, repository=other, group=group)
    with pytest.raises(StorageError):
        repository_groups.update(actor=boss, group=inner, parent=group)
    agree("new/one", "other")


def test_of_two_moves_of_a_group_one_happens(boss, group, rename, agree):
    rename()
    with pytest.raises(StorageError):
        repository_groups.update(actor=boss, group=group, name="newer")
    agree("new/one")


def test_a_group_that_was_away_for_a_moment_moves_with_its_folder(boss, group, just_before, agree):
    def move(name):
        repository_groups.update(actor=boss, group=RepositoryGroup.objects.get(pk=group.pk), name=name)

    move("new")
    just_before(lambda: move("old"))
    repository_groups.update(actor=boss, group=group, name="newer")
    agree("newer/one")


def test_another_change_does_not_take_the_name_back(boss, group, rename, agree):
    rename()
    repository_groups.update(actor=boss, group=group, description="Tools")
    assert RepositoryGroup.objects.get().description == "Tools"
    agree("new/one")


def test_a_repository_that_moved_away_is_not_deleted_from_the_database_alone(boss, group, rename, just_before, agree):
    just_before(rename)
    with pytest.raises(StorageError):
        repositories.delete(actor=boss, repository=Repository.objects.get())
    agree("new/one")


def test_a_group_that_is_filled_meanwhile_is_not_deleted(boss, group, just_before, agree):
    empty = repository_groups.create(actor=boss, name="empty")
    just_before(lambda: repositories.create(actor=boss, name="two", group=RepositoryGroup.objects.get(name="empty")))
    with pytest.raises(NotEmpty):
        repository_groups.delete(actor=boss, group=empty)
    agree("old/one", "empty/two")


@pytest.mark.parametrize("copy_works", [True, False])
def test_a_fork_appears_where_its_group_is_by_then(boss, group, rename, agree, monkeypatch, copy_works):
    parent = repositories.create(actor=boss, name="parent", kind="git")
    clone_local = GitRepository.clone_local

    def slow(source, path, progress=None):
        rename()
        clone_local(source if copy_works else path / "nosuch", path, progress)

    monkeypatch.setattr(GitRepository, "clone_local", staticmethod(slow))
    if copy_works:
        forks.create(actor=boss, parent=parent, name="fork", group=group)
        agree("parent", "new/one", "new/fork")
    else:
        with pytest.raises(Exception, match="nosuch"):
            forks.create(actor=boss, parent=parent, name="fork", group=group)
        agree("parent", "new/one")


def test_a_job_goes_on_where_the_fork_is_by_then(boss, group, rename, agree, settings, monkeypatch):
    parent = repositories.create(actor=boss, name="parent", kind="git")
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(tasks.run_job, "delay", lambda number: None)
    forks.create(actor=boss, parent=parent, name="fork", group=group)
    rename()
    tasks.run_job(Job.objects.get(kind="fork").pk)
    settings.CELERY_TASK_ALWAYS_EAGER = True
    agree("parent", "new/one", "new/fork")
