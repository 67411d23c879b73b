"""The permission rule: which objects, and how much. Both answers must agree, always."""

from __future__ import annotations

import itertools

import pytest

from accounts.permissions import DEFAULT_USER_ID, Level, having_level, strongest, with_level
from repos.models import REPOSITORY_TARGET, Repository
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

NONE, READ, WRITE, ADMIN = Level

pytestmark = pytest.mark.django_db


def levels(repositories, who):
    """Name -> level of every repository."""
    return dict(with_level(repositories, who, REPOSITORY_TARGET).values_list("name", "level"))


def resolved(who, repository):
    """The level by both questions, which must agree."""
    every = Repository.objects.filter(pk=repository.pk)
    level = levels(every, who)[repository.name]
    if who.user.is_active:
        for asked in (READ, WRITE, ADMIN):
            assert having_level(every, who, REPOSITORY_TARGET, asked).exists() == (level >= asked)
            assert Repository.objects.all().visible_to(who, asked).filter(pk=repository.pk).exists() == (level >= asked)
    return Level(level)


@pytest.mark.parametrize(
    ("everybody", "own", "group", "private", "level"),
    [
        (NONE, None, None, False, NONE),
        (READ, None, None, False, READ),
        (READ, None, None, True, NONE),
        (ADMIN, None, None, True, NONE),
        (WRITE, NONE, None, False, WRITE),  # a grant of none takes nothing away
        (READ, WRITE, None, False, WRITE),
        (NONE, WRITE, None, True, WRITE),
        (READ, None, WRITE, False, WRITE),
        (READ, WRITE, ADMIN, True, ADMIN),
        (NONE, ADMIN, READ, True, ADMIN),
        (NONE, None, READ, True, READ),
        (WRITE, READ, READ, False, WRITE),
        (WRITE, READ, READ, True, READ),
    ],
)
def test_the_strongest_of_all_grants(everybody, own, group, private, level):
    una = UserFactory()
    repository = RepositoryFactory(everybody=everybody, is_private=private)
    if own is not None:
        grant(repository, una, own)
    if group is not None:
        grant(repository, UserGroupFactory(members=[una]), group)
    grant(repository, UserFactory(), ADMIN)  # somebody else's
    grant(repository, UserGroupFactory(), ADMIN)  # a group she is not in
    assert resolved(actor(una), repository) == level


def test_all_combinations_agree():
    una = UserFactory()
    group = UserGroupFactory(members=[una])
    options = [None, NONE, READ, WRITE, ADMIN]
    wanted = {}
    for number, (everybody, own, of_group, private) in enumerate(itertools.product(options, options, options, (0, 1))):
        repository = RepositoryFactory(name=f"r{number}", owner_id=DEFAULT_USER_ID, is_private=bool(private))
        repository.grants.all().delete()
        for subject, level in ((actor().user, everybody), (una, own), (group, of_group)):
            if level is not None:
                grant(repository, subject, level)
        wanted[repository.name] = max((0 if private else everybody or 0), own or 0, of_group or 0)
    assert levels(Repository.objects.all(), actor(una)) == wanted
    for level in (READ, WRITE, ADMIN):
        names = having_level(Repository.objects.all(), actor(una), REPOSITORY_TARGET, level).values_list(
            "name", flat=True
        )
        assert set(names) == {name for name, highest in wanted.items() if highest >= level}


def test_owners_and_administrators():
    una, boss = UserFactory(), AdminFactory()
    repository = RepositoryFactory(owner=una, is_private=True, everybody=NONE)
    grant(repository, una, NONE)
    assert resolved(actor(una), repository) == ADMIN
    assert resolved(actor(boss), repository) == ADMIN
    assert resolved(actor(UserFactory()), repository) == NONE


def test_without_any_grant_the_owner_still_has_it():
    una = UserFactory()
    repository = RepositoryFactory(owner=una)
    repository.grants.all().delete()
    assert resolved(actor(una), repository) == ADMIN
    assert resolved(actor(UserFactory()), repository) == NONE


def test_inactive_user_groups_give_nothing():
    una = UserFactory()
    repository = RepositoryFactory(everybody=NONE)
    group = UserGroupFactory(members=[una], is_active=False)
    grant(repository, group, ADMIN)
    assert resolved(actor(una), repository) == NONE
    group.is_active = True
    group.save()
    assert resolved(actor(una), repository) == ADMIN


@pytest.mark.parametrize("factory", [UserFactory, AdminFactory])
def test_inactive_users_see_nothing(factory):
    una = factory(is_active=False)
    RepositoryFactory(owner=una)
    assert not Repository.objects.all().visible_to(actor(una)).exists()


def test_the_anonymous_visitor_sees_what_everybody_sees_while_allowed():
    repository = RepositoryFactory(everybody=WRITE)
    RepositoryFactory(everybody=WRITE, is_private=True)
    RepositoryFactory(everybody=NONE, owner_id=DEFAULT_USER_ID)  # owning counts for people only
    visitor = actor()
    assert resolved(visitor, repository) == WRITE
    assert Repository.objects.all().visible_to(visitor).count() == 1
    visitor.user.is_active = False
    assert not Repository.objects.all().visible_to(visitor).exists()
    assert resolved(actor(UserFactory()), repository) == WRITE  # everybody's grants stay in force


@pytest.mark.parametrize("cap", [READ, WRITE, ADMIN])
@pytest.mark.parametrize("factory", [UserFactory, AdminFactory])
def test_a_key_lowers_the_level(factory, cap):
    una = factory()
    repository = RepositoryFactory(owner=una)
    assert resolved(actor(una, key=ApiKeyFactory(user=una, level=cap)), repository) == cap


def test_a_key_raises_nothing():
    una = UserFactory()
    repository = RepositoryFactory(everybody=READ)
    assert resolved(actor(una, key=ApiKeyFactory(user=una)), repository) == READ


@pytest.mark.parametrize("factory", [UserFactory, AdminFactory])
def test_a_bound_key_opens_one_thing(factory):
    una = factory()
    group = RepositoryGroupFactory(name="a")
    below = RepositoryGroupFactory(name="a/b", parent=group)
    other = RepositoryGroupFactory(name="ab")
    inside = RepositoryFactory(name="a/b/in", group=below)
    outside = RepositoryFactory(name="ab/out", group=other)
    by_repository = actor(una, key=ApiKeyFactory(user=una, repository_id=outside.pk))
    assert list(Repository.objects.all().visible_to(by_repository)) == [outside]
    assert not type(group).objects.all().visible_to(by_repository).exists()
    by_group = actor(una, key=ApiKeyFactory(user=una, group_id=group.pk))
    assert list(Repository.objects.all().visible_to(by_group)) == [inside]
    assert set(type(group).objects.all().visible_to(by_group)) == {group, below}
    gone = actor(una, key=ApiKeyFactory(user=una, group_id=99999))
    assert not Repository.objects.all().visible_to(gone).exists()


def test_user_groups_and_repository_groups_follow_the_same_rule():
    una = UserFactory()
    for factory in (UserGroupFactory, RepositoryGroupFactory):
        target = factory(everybody=NONE)
        objects = type(target).objects.all()
        assert not objects.visible_to(actor(una)).filter(pk=target.pk).exists()
        grant(target, una, WRITE)
        assert objects.visible_to(actor(una), WRITE).filter(pk=target.pk).exists()
        assert not objects.visible_to(actor(una), ADMIN).filter(pk=target.pk).exists()


@pytest.mark.parametrize("number", [3, 30])
def test_a_list_is_one_query_whatever_its_length(django_assert_num_queries, number):
    una = UserFactory()
    for repository in RepositoryFactory.create_batch(number, everybody=NONE):
        grant(repository, una, READ)
    who = actor(una)
    with django_assert_num_queries(1):
        assert len(Repository.objects.all().visible_to(who)) == number


def test_the_strongest_of_each_kind():
    given = ["hg.create.none", "hg.create.repository", "repository.read", "repository.none", "hg.unknown", "nonsense"]
    assert strongest(given) == {"hg.create": "hg.create.repository", "repository": "repository.read"}
