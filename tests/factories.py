"""Rows for tests. Real repositories on disk come from ``tests.repo_builder``."""

from __future__ import annotations

from typing import Any

from factory.declarations import LazyAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory, Password
from factory.helpers import post_generation

from accounts.actors import Actor
from accounts.models import ApiKey, Membership, User, UserGroup, UserGroupGrant, new_api_key
from accounts.permissions import DEFAULT_USER_ID, Level
from accounts.services.users import add_builtin_key
from repos.models import Repository, RepositoryGrant, RepositoryGroup, RepositoryGroupGrant

PASSWORD = "a good password"


class UserFactory(DjangoModelFactory):
    """A regular user with a built-in key and the password :data:`PASSWORD`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence(lambda n: f"user{n}")
    email = LazyAttribute(lambda user: f"{user.username.lower()}@example.com")
    firstname = "Una"
    lastname = "User"
    password = Password(PASSWORD)

    @post_generation
    def key(self: User, create: bool, value: str | None, **_: Any) -> None:
        add_builtin_key(self, value)


class AdminFactory(UserFactory):
    username = Sequence(lambda n: f"admin{n}")
    is_admin = True


class ApiKeyFactory(DjangoModelFactory):
    """A further key; the secret is its ``value``."""

    class Meta:
        model = ApiKey

    user = SubFactory(UserFactory)
    description = "a further key"

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: Any, **kwargs: Any) -> ApiKey:
        key = model_class(*args, **kwargs)
        key.set_value(new_api_key())
        key.save()
        return key


class UserGroupFactory(DjangoModelFactory):
    """A user group that everybody may read; ``members=[...]``, ``everybody=Level.NONE``."""

    class Meta:
        model = UserGroup
        skip_postgeneration_save = True

    name = Sequence(lambda n: f"people{n}")
    owner = SubFactory(AdminFactory)

    @post_generation
    def everybody(self: UserGroup, create: bool, level: Level | None, **_: Any) -> None:
        grant(self, User.objects.default(), Level.READ if level is None else level)

    @post_generation
    def members(self: UserGroup, create: bool, users: list[User] | None, **_: Any) -> None:
        Membership.objects.bulk_create(Membership(user_group=self, user=user) for user in users or ())


class RepositoryGroupFactory(DjangoModelFactory):
    """A repository group that everybody may read; ``everybody=Level.NONE``."""

    class Meta:
        model = RepositoryGroup
        skip_postgeneration_save = True

    name = Sequence(lambda n: f"group{n}")
    owner = SubFactory(AdminFactory)

    @post_generation
    def everybody(self: RepositoryGroup, create: bool, level: Level | None, **_: Any) -> None:
        grant(self, User.objects.default(), Level.READ if level is None else level)


class RepositoryFactory(DjangoModelFactory):
    """A row only, with nothing on disk; everybody may read it unless it is private; ``everybody=Level.WRITE``."""

    class Meta:
        model = Repository
        skip_postgeneration_save = True

    name = Sequence(lambda n: f"repository{n}")
    kind = Repository.Kind.HG
    owner = SubFactory(AdminFactory)

    @post_generation
    def everybody(self: Repository, create: bool, level: Level | None, **_: Any) -> None:
        grant(self, User.objects.default(), Level.READ if level is None else level)


def grant(on: UserGroup | Repository | RepositoryGroup, to: User | UserGroup, level: Level) -> None:
    """Give a user or a user group a level on an object, in place of what it has."""
    subject: dict[str, Any] = {"user": to} if isinstance(to, User) else {"user_group": to}
    if isinstance(on, UserGroup):
        UserGroupGrant.objects.update_or_create(on=on, **subject, defaults={"level": level})
    elif isinstance(on, Repository):
        RepositoryGrant.objects.update_or_create(repository=on, **subject, defaults={"level": level})
    else:
        RepositoryGroupGrant.objects.update_or_create(group=on, **subject, defaults={"level": level})


def key_of(user: User) -> str:
    """The secret of the built-in key."""
    value = user.api_keys.get(is_builtin=True).value
    assert value is not None
    return value


def actor(user: User | None = None, **fields: Any) -> Actor:
    """A user at no particular address; the anonymous visitor without one."""
    return Actor(user=user or User.objects.get(pk=DEFAULT_USER_ID), **fields)
