"""Repository groups: moved with everything inside, deleted only when empty."""

import os

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import GlobalGrant
from accounts.permissions import DEFAULT_USER_ID, Level
from repos import locks
from repos.models import Repository, RepositoryGroup
from repos.services import repositories, repository_groups
from repos.services.errors import NameTaken, NotEmpty
from tests.factories import AdminFactory, RepositoryFactory, RepositoryGroupFactory, UserFactory, actor, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return actor(AdminFactory())


def levels(group):
    return dict(group.grants.values_list("user__username", "level"))


def folders(root):
    return sorted(name for name in os.listdir(root) if name != locks.STAGING)


def test_a_new_group(admin, repositories_root):
    group = repository_groups.create(actor=admin, name="group")
    inner = repository_groups.create(actor=admin, name="inner", parent=group, description="Inner")
    assert (inner.name, inner.parent, inner.description, group.description) == ("group/inner", group, "Inner", "group")
    assert (repositories_root / "group" / "inner").is_dir()
    assert levels(group) == {"default": Level.READ}


def test_an_owner_who_is_no_administrator_gets_admin(admin, repositories_root):
    una = UserFactory(username="una")
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="group").update(permission="group.none")
    group = repository_groups.create(actor=admin, name="group", owner=una)
    assert levels(group) == {"default": Level.NONE, "una": Level.ADMIN}


def test_grants_of_the_parent_can_be_copied(admin, repositories_root):
    group = RepositoryGroupFactory(name="group")
    grant(group, UserFactory(username="una"), Level.WRITE)
    inner = repository_groups.create(actor=admin, name="inner", parent=group, copy_permissions=True)
    assert levels(inner) == {"default": Level.READ, "una": Level.WRITE}


def test_for_administrators_only(repositories_root):
    una = actor(UserFactory())
    group = RepositoryGroupFactory(owner=una.user)
    for call in (
        lambda: repository_groups.create(actor=una, name="new"),
        lambda: repository_groups.update(actor=una, group=group, name="new"),
        lambda: repository_groups.delete(actor=una, group=group),
    ):
        with pytest.raises(PermissionDenied):
            call()


def test_taken_names(admin, repositories_root):
    RepositoryFactory(name="repository")
    repository_groups.create(actor=admin, name="group")
    for name in ("group", "repository", "Repository"):
        with pytest.raises(NameTaken):
            repository_groups.create(actor=admin, name=name)


@pytest.fixture
def tree(admin, repositories_root, kind):
    """``a/b/r``, ``a/r`` and, with a name that only begins alike, ``ab/r`` and ``A/r``."""
    a = repository_groups.create(actor=admin, name="a")
    b = repository_groups.create(actor=admin, name="b", parent=a)
    others = [repository_groups.create(actor=admin, name=name) for name in ("ab", "A")]
    for group in (a, b, *others):
        repositories.create(actor=admin, name="r", group=group, kind=kind)
    return a


def test_moving_a_tree_renames_everything_inside_and_nothing_else(
    tree, admin, repositories_root, django_assert_max_num_queries
):
    target = repository_groups.create(actor=admin, name="target")
    with django_assert_max_num_queries(30):  # whatever is inside
        repository_groups.update(actor=admin, group=tree, name="new", parent=target)
    found = sorted(Repository.objects.values_list("name", flat=True))
    assert found == ["A/r", "ab/r", "target/new/b/r", "target/new/r"]
    groups = sorted(RepositoryGroup.objects.values_list("name", flat=True))
    assert groups == ["A", "ab", "target", "target/new", "target/new/b"]
    assert folders(repositories_root) == ["A", "ab", "target"]
    assert all(repository.vcs.is_empty() for repository in Repository.objects.all())


def test_a_group_cannot_be_moved_into_itself(tree, admin):
    inner = RepositoryGroup.objects.get(name="a/b")
    for parent in (tree, inner):
        with pytest.raises(ValidationError):
            repository_groups.update(actor=admin, group=tree, parent=parent)


def test_names_inside_must_stay_short_enough(tree, admin, repositories_root):
    target = repository_groups.create(actor=admin, name="t" * 252)
    with pytest.raises(ValidationError, match="too long"):
        repository_groups.update(actor=admin, group=tree, parent=target)
    assert folders(repositories_root)[:2] == ["A", "a"]


def test_a_move_that_fails_changes_nothing(tree, admin, repositories_root):
    (repositories_root / "new").mkdir()
    with pytest.raises(NameTaken):
        repository_groups.update(actor=admin, group=tree, name="new")
    assert sorted(Repository.objects.values_list("name", flat=True)) == ["A/r", "a/b/r", "a/r", "ab/r"]
    assert folders(repositories_root / "a") == ["b", "r"]


def test_only_an_empty_group_is_deleted(tree, admin, repositories_root):
    """K2"""
    with pytest.raises(NotEmpty):
        repository_groups.delete(actor=admin, group=tree)
    inner = RepositoryGroup.objects.get(name="a/b")
    with pytest.raises(NotEmpty):
        repository_groups.delete(actor=admin, group=inner)
    repositories.delete(actor=admin, repository=Repository.objects.get(name="a/b/r"))
    repository_groups.delete(actor=admin, group=inner)
    assert not RepositoryGroup.objects.filter(name="a/b").exists()
    (left,) = [name for name in folders(repositories_root / "a") if name != "r"]
    assert left.startswith("rm__")  # it still holds the deleted repository


def test_a_folder_with_something_unknown_is_not_empty(admin, repositories_root):
    group = repository_groups.create(actor=admin, name="group")
    (repositories_root / "group" / "unknown").mkdir()
    with pytest.raises(NotEmpty):
        repository_groups.delete(actor=admin, group=group)
    (repositories_root / "group" / "unknown").rmdir()
    repository_groups.delete(actor=admin, group=group)
    assert folders(repositories_root) == []
