"""Finding a repository by name or number gives what the permission rule gives, for everybody in turn."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.permissions import Level
from repos.models import Repository, RepositoryQuerySet, lookup
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
def repositories():
    group = RepositoryGroupFactory(name="tools")
    RepositoryFactory(name="tools/open", group=group)
    RepositoryFactory(name="tools/secret", group=group, everybody=Level.NONE)
    RepositoryFactory(name="private", is_private=True)
    return RepositoryFactory(name="Größe", owner=UserFactory(), everybody=Level.WRITE)


@pytest.fixture
def everybody(repositories):
    """Actors of every kind, each kind twice: the second finds the first one's statement composed."""
    group = Repository.objects.get(name="tools/open").group
    found = [actor(None)]
    for level in (Level.READ, Level.ADMIN):
        secret, owned = (
            Repository.objects.get(name="tools/secret"),
            RepositoryFactory(everybody=Level.NONE, owner=UserFactory()),
        )
        granted = UserFactory()
        grant(secret, granted, level)
        member = UserFactory()
        grant(secret, UserGroupFactory(members=[member]), level)
        outsider = UserFactory()
        grant(secret, UserGroupFactory(members=[outsider], is_active=False), level)
        admin = AdminFactory()
        found += [actor(user) for user in (granted, member, outsider, owned.owner, admin, UserFactory(is_active=False))]
        for user in (granted, admin):
            for scope in (
                {"level": Level.READ},
                {"repository_id": secret.pk if level == Level.READ else owned.pk},
                {"group_id": group.pk if level == Level.READ else RepositoryGroupFactory().pk},
            ):
                found.append(actor(user, key=ApiKeyFactory(user=user, **scope)))
    return found


def test_everybody_finds_what_the_rule_gives(everybody):
    every = list(Repository.objects.all())
    names = [repository.name for repository in every]
    answers = set()
    for who in everybody:
        for level in (Level.READ, Level.WRITE, Level.ADMIN):
            rule = RepositoryQuerySet.plain().visible_to(who, level).with_level(who)
            expected = {repository.name: repository.level for repository in rule}
            found = lookup.by_names(who, names, level)
            assert {name: repository.level for name, repository in found.items()} == expected
            for repository in every:
                numbered = lookup.by_number(who, repository.pk, level)
                assert (numbered and numbered.level) == expected.get(repository.name)
            answers.add(tuple(sorted(expected.items())))
    assert len(answers) > 10  # they do differ


def test_what_is_found_is_whole(repositories):
    parent = RepositoryFactory(last_changeset={"raw_id": "a" * 40}, fork_of=repositories)
    who = actor(parent.owner)
    (found,) = lookup.by_names(who, [parent.name, "nothing"], related=("owner", "fork_of")).values()
    alone = lookup.by_number(who, repositories.pk, related=("owner", "fork_of"))
    fields = [field.attname for field in Repository._meta.concrete_fields]
    with CaptureQueriesContext(connection) as queries:
        assert [getattr(found, field) for field in fields] == [getattr(parent, field) for field in fields]
        assert found.owner == parent.owner
        assert found.fork_of.created_on == repositories.created_on
        assert alone.fork_of is None
    assert len(queries) == 0
    part = lookup.by_number(who, parent.pk, only=("name", "kind"))
    assert (part.name, part.kind, part.description) == (parent.name, parent.kind, parent.description)


def test_one_query_for_any_number_of_names(repositories):
    who = actor(repositories.owner)
    for count in (1, 2, 5, 100):
        names = [repositories.name, *(f"no-{number}" for number in range(count - 1))]
        with CaptureQueriesContext(connection) as queries:
            assert list(lookup.by_names(who, names[::-1])) == [repositories.name]
        assert len(queries) == 1


@pytest.mark.parametrize("name", ["", "größe", "Größe\0", "x" * 256, "\udcff", "tools"])
def test_what_is_no_name_finds_nothing(repositories, name):
    assert lookup.by_names(actor(repositories.owner), [name]) == {}


@pytest.mark.parametrize("number", [0, -1001, -1003, 2**63, 10**30])
def test_what_is_no_number_finds_nothing(repositories, number):
    assert lookup.by_number(actor(repositories.owner), number) is None
