"""Creating, changing and deleting repositories: rows, folders, grants and the journal go together."""

import os

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.actors import Actor
from accounts.models import GlobalGrant, JournalEntry
from accounts.permissions import DEFAULT_USER_ID, Level
from accounts.services import site
from repos import locks
from repos.models import Follower, Job, Repository, RepositoryGrant
from repos.services import changes, pushes, repositories
from repos.services.errors import HasForks, InvalidName, NameTaken
from repos.vcs.backend import detect_kind
from repos.vcs.errors import RemoteError
from tests.factories import (
    AdminFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    actor,
    grant,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return actor(AdminFactory())


def levels(repository):
    return dict(repository.grants.values_list("user__username", "level"))


def folders(root):
    return sorted(name for name in os.listdir(root) if name != locks.STAGING)


def test_a_new_repository(kind, admin, repositories_root):
    repository = repositories.create(actor=admin, name="new", kind=kind)
    assert detect_kind(repositories_root / "new") == kind
    assert (repository.description, repository.owner, repository.state) == ("new", admin.user, "repo_state_created")
    assert levels(repository) == {"default": Level.READ}
    assert Follower.objects.get().user == admin.user
    assert JournalEntry.objects.get(action="create_repository").subject_name == "new"
    assert repository.vcs.is_empty()
    assert folders(repositories_root / locks.STAGING) == ["lock"]


def test_a_private_one_is_for_its_owner(admin, repositories_root):
    repository = repositories.create(actor=admin, name="new", is_private=True)
    assert levels(repository) == {"default": Level.NONE}


def test_everybody_gets_the_sites_default(admin, repositories_root):
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="repository").update(permission="repository.write")
    assert levels(repositories.create(actor=admin, name="new")) == {"default": Level.WRITE}


def test_grants_of_the_group_can_be_copied(admin, repositories_root):
    group = RepositoryGroupFactory(name="group")
    grant(group, UserFactory(username="una"), Level.WRITE)
    plain = repositories.create(actor=admin, name="plain", group=group)
    copy = repositories.create(actor=admin, name="copy", group=group, copy_permissions=True)
    assert (copy.name, levels(plain)) == ("group/copy", {"default": Level.READ})
    assert levels(copy) == {"default": Level.READ, "una": Level.WRITE}


def test_who_may_create(repositories_root):
    una, group = actor(UserFactory()), RepositoryGroupFactory(name="group")
    repositories.create(actor=una, name="top")
    with pytest.raises(PermissionDenied, match="no permission to create repo in group"):
        repositories.create(actor=una, name="inside", group=group)
    grant(group, una.user, Level.WRITE)
    repositories.create(actor=una, name="inside", group=group)
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.create").update(permission="hg.create.none")
    with pytest.raises(PermissionDenied, match="no permission to create top level repo"):
        repositories.create(actor=actor(una.user), name="top2")
    with pytest.raises(PermissionDenied, match="owner"):
        repositories.create(actor=una, name="theirs", group=group, owner=una.user)
    assert sorted(Repository.objects.values_list("name", flat=True)) == ["group/inside", "top"]


@pytest.mark.parametrize("fields", [{"kind": "svn"}, {"landing": ("tag", "")}, {"landing": ("odd", "x")}])
def test_wrong_values_leave_nothing(admin, repositories_root, fields):
    with pytest.raises(ValidationError):
        repositories.create(actor=admin, name="new", **fields)
    assert not Repository.objects.exists()
    assert folders(repositories_root) == []


def test_a_folder_in_the_way_is_left_alone(admin, repositories_root):
    (repositories_root / "new").mkdir()
    (repositories_root / "new" / "file").touch()
    with pytest.raises(NameTaken):
        repositories.create(actor=admin, name="new")
    assert folders(repositories_root / "new") == ["file"]
    assert not Repository.objects.exists()


@pytest.mark.parametrize("url", ["/etc", "file:///etc", "ext::sh -c touch% x", "ssh://-oProxyCommand=x/y", "nonsense"])
def test_only_remote_urls_are_cloned(admin, repositories_root, url):
    with pytest.raises(RemoteError):
        repositories.create(actor=admin, name="new", kind="git", clone_uri=url)
    assert not Repository.objects.exists()


def test_private_networks_are_not_cloned_from(admin, kind, repositories_root):
    """K5: a failed clone leaves no repository, and its job says why without the password."""
    with pytest.raises(RemoteError, match="not allowed"):
        repositories.create(actor=admin, name="new", kind=kind, clone_uri="http://me:secret@127.0.0.1:1/x")
    assert not Repository.objects.exists()
    assert folders(repositories_root) == []
    job = Job.objects.get()
    assert (job.state, job.kind, job.repository_name) == ("failed", "create", "new")
    assert "not allowed" in job.error
    assert "secret" not in str(Job.objects.values()) + str(JournalEntry.objects.values())


def test_regular_users_may_not_make_the_server_connect(repositories_root):
    """K5"""
    una = actor(UserFactory())
    repository = repositories.create(actor=una, name="own")
    with pytest.raises(PermissionDenied, match="clone_uri"):
        repositories.create(actor=una, name="new", clone_uri="http://example.com/x")
    with pytest.raises(PermissionDenied, match="clone_uri"):
        repositories.update(actor=una, repository=repository, clone_uri="http://example.com/x")
    site.update(actor=Actor(AdminFactory()), clone_uri_allowed_to="all")
    cache.clear()
    with pytest.raises(RemoteError):
        repositories.create(actor=una, name="new", clone_uri="http://127.0.0.1:1/x")


def test_renaming_moves_the_folder(kind, admin, put, repositories_root):
    (first,) = put("old", "first")
    repository = RepositoryFactory(name="old", kind=kind)
    assert repository.vcs.tip().raw_id == first
    repositories.update(actor=admin, repository=repository, name="new")
    assert folders(repositories_root) == ["new"]
    assert Repository.objects.get(pk=repository.pk).vcs.tip().raw_id == first
    entry = JournalEntry.objects.get(action="update_repository")
    assert entry.data == {"name": "new", "old_name": "old"}


def test_moving_into_a_group_takes_write_permission_on_it(repositories_root):
    una, group = actor(UserFactory()), RepositoryGroupFactory(name="group")
    repository = repositories.create(actor=una, name="own")
    with pytest.raises(PermissionDenied, match=r"create \(or move\) repo in group"):
        repositories.update(actor=una, repository=repository, group=group)
    grant(group, una.user, Level.WRITE)
    repositories.update(actor=una, repository=repository, group=group, name="moved")
    assert folders(repositories_root / "group") == ["moved"]
    repository.refresh_from_db()
    assert (repository.name, repository.group) == ("group/moved", group)
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.create").update(permission="hg.create.none")
    with pytest.raises(PermissionDenied, match="top level"):
        repositories.update(actor=actor(una.user), repository=repository, group=None)


def test_a_change_that_cannot_be_stored_leaves_the_folder(admin, repositories_root):
    repository = repositories.create(actor=admin, name="one")
    repositories.create(actor=admin, name="two")
    for name, error in [("two", NameTaken), ("bad name", InvalidName), ("_admin", InvalidName)]:
        with pytest.raises(error):
            repositories.update(actor=admin, repository=Repository.objects.get(pk=repository.pk), name=name)
    assert folders(repositories_root) == ["one", "two"]


def test_making_it_private_takes_what_everybody_had(admin, repositories_root):
    repository = repositories.create(actor=admin, name="one")
    repositories.update(actor=admin, repository=repository, is_private=True)
    assert levels(repository) == {"default": Level.NONE}
    repositories.update(actor=admin, repository=repository, is_private=False)
    assert levels(repository) == {"default": Level.NONE}


def test_a_clone_uri_shown_without_its_password_can_be_sent_back(admin, repositories_root):
    repository = RepositoryFactory(clone_uri="http://me:secret@example.com/x")
    repositories.update(actor=admin, repository=repository, clone_uri="http://***@example.com/x")
    repository.refresh_from_db()
    assert repository.clone_uri == "http://me:secret@example.com/x"


def test_only_admins_of_it_change_and_delete():
    una = actor(UserFactory())
    repository = RepositoryFactory(everybody=Level.WRITE)
    with pytest.raises(PermissionDenied):
        repositories.update(actor=una, repository=repository, description="x")
    with pytest.raises(PermissionDenied):
        repositories.delete(actor=una, repository=repository)
    assert Repository.objects.get().description == ""


def test_deleting_keeps_the_folder_under_another_name(kind, admin, put, repositories_root):
    put("group/one", "first")
    repositories.delete(actor=admin, repository=RepositoryFactory(name="group/one", kind=kind))
    assert not Repository.objects.exists()
    (left,) = folders(repositories_root / "group")
    assert left.startswith("rm__")
    assert left.endswith("__one")
    assert detect_kind(repositories_root / "group" / left) == kind
    assert repositories.create(actor=admin, name="one", kind=kind).name == "one"


def test_forks_are_detached_or_deleted(admin, repositories_root):
    parent = repositories.create(actor=admin, name="parent")
    fork = RepositoryFactory(name="fork", fork_of=parent, owner=UserFactory())
    RepositoryFactory(name="fork-of-fork", fork_of=fork)
    with pytest.raises(HasForks):
        repositories.delete(actor=admin, repository=parent)
    assert repositories.delete(actor=admin, repository=fork, forks="delete") == 1
    second = RepositoryFactory(name="second", fork_of=parent)
    assert repositories.delete(actor=admin, repository=parent, forks="detach") == 1
    assert Repository.objects.get() == second
    assert Repository.objects.get().fork_of is None


def test_a_repository_without_a_folder_can_be_deleted(admin, repositories_root):
    repositories.delete(actor=admin, repository=RepositoryFactory(name="lost"))
    assert not Repository.objects.exists()
    assert RepositoryGrant.objects.count() == 0


def test_what_changed_behind_the_servers_back_is_noticed(kind, put, repositories_root):
    ids = put("one", "first", "second")
    repository = RepositoryFactory(name="one", kind=kind)
    pushes.notice(repository)
    stored = Repository.objects.get()
    assert stored.last_changeset["raw_id"] == ids[1]
    assert (stored.last_changeset["revision"], stored.last_changeset["short_id"]) == (1, ids[1][:12])
    assert stored.last_changeset["message"].strip() == "second"


def test_noticing_nothing_new_writes_nothing(kind, put, repositories_root, django_assert_num_queries):
    put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind)
    changes.refresh(repository)
    with django_assert_num_queries(0):
        pushes.notice(repository)


def test_a_missing_folder_keeps_what_was_known():
    repository = RepositoryFactory(last_changeset={"raw_id": "1" * 40})
    pushes.notice(repository)
    assert Repository.objects.get().last_changeset == {"raw_id": "1" * 40}
