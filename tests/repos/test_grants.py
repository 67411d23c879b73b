"""Giving and taking levels, on one object or on everything inside a group."""

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import JournalEntry, User
from accounts.permissions import Level
from repos.models import Repository, RepositoryGrant, RepositoryGroup, RepositoryGroupGrant
from repos.services import grants
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    UserGroupFactory,
    actor,
    grant,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return actor(AdminFactory())


def given(to):
    """Name of the object -> level of what a user was given."""
    rows = [*RepositoryGrant.objects.filter(user=to), *RepositoryGroupGrant.objects.filter(user=to)]
    return {str(row.target): row.level for row in rows}


@pytest.fixture
def tree():
    """``a``, ``a/b`` and a repository in each, one of them private; ``A/r`` beside them."""
    a = RepositoryGroupFactory(name="a")
    b = RepositoryGroupFactory(name="a/b", parent=a)
    RepositoryFactory(name="a/r", group=a)
    RepositoryFactory(name="a/b/r", group=b, is_private=True, everybody=Level.NONE)
    RepositoryFactory(name="A/r", group=RepositoryGroupFactory(name="A"))
    return a


def test_a_grant_replaces_the_one_before(admin):
    repository, una, people = RepositoryFactory(), UserFactory(), UserGroupFactory()
    for level in (Level.READ, Level.WRITE):
        grants.grant(actor=admin, on=repository, to=una, level=level)
        grants.grant(actor=admin, on=repository, to=people, level=level)
    assert repository.grants.get(user=una).level == Level.WRITE
    assert repository.grants.get(user_group=people).level == Level.WRITE
    grants.revoke(actor=admin, on=repository, to=una)
    grants.revoke(actor=admin, on=repository, to=una)
    assert given(una) == {}
    assert JournalEntry.objects.filter(action="grant", subject_name=repository.name).count() == 4


@pytest.mark.parametrize(
    ("children", "targets"),
    [
        ("none", {"a"}),
        ("repos", {"a", "a/r", "a/b/r"}),
        ("groups", {"a", "a/b"}),
        ("all", {"a", "a/b", "a/r", "a/b/r"}),
    ],
)
def test_what_is_inside(admin, tree, children, targets, django_assert_max_num_queries):
    una = UserFactory()
    grant(Repository.objects.get(name="a/r"), una, Level.READ)
    grant(Repository.objects.get(name="A/r"), una, Level.READ)
    with django_assert_max_num_queries(20):
        grants.grant(actor=admin, on=tree, to=una, level=Level.WRITE, apply_to_children=children)
    assert given(una) == {"A/r": Level.READ, "a/r": Level.READ} | dict.fromkeys(targets, Level.WRITE)
    grants.revoke(actor=admin, on=tree, to=una, apply_to_children=children)
    assert not targets & given(una).keys()
    assert "A/r" in given(una)


def test_everybody_gets_nothing_on_private_repositories_inside(admin, tree):
    everybody = User.objects.default()
    grants.grant(actor=admin, on=tree, to=everybody, level=Level.WRITE, apply_to_children="all")
    assert given(everybody)["a/r"] == Level.WRITE
    assert given(everybody)["a/b/r"] == Level.NONE


def test_only_where_the_actor_is_an_admin_too(tree):
    una, bob = UserFactory(), UserFactory()
    grant(tree, una, Level.ADMIN)
    grant(Repository.objects.get(name="a/r"), una, Level.ADMIN)
    grants.grant(actor=actor(una), on=tree, to=bob, level=Level.READ, apply_to_children="all")
    assert given(bob) == {"a": Level.READ, "a/r": Level.READ}
    with pytest.raises(PermissionDenied):
        grants.grant(actor=actor(una), on=RepositoryGroup.objects.get(name="a/b"), to=una, level=Level.ADMIN)


def test_a_key_bound_to_a_group_opens_what_is_inside_and_nothing_that_is_called_alike(tree):
    key = ApiKeyFactory(user=AdminFactory(), group_id=tree.pk)
    bound = actor(key.user, key=key)
    assert set(Repository.objects.all().visible_to(bound).values_list("name", flat=True)) == {"a/r", "a/b/r"}
    assert set(RepositoryGroup.objects.all().visible_to(bound).values_list("name", flat=True)) == {"a", "a/b"}
