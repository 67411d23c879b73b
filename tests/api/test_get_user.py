"""get_user: who somebody is and what he may do."""

import pytest

from accounts.models import User
from accounts.permissions import Level
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    UserGroupFactory,
    grant,
    key_of,
)


def test_the_caller_is_the_default(user_api, user):
    answer = user_api("get_user")
    assert (answer["user_id"], answer["username"], answer["admin"]) == (user.pk, "una", False)
    assert answer["emails"] == ["una@example.com"]
    assert answer["api_key"] == key_of(user)


@pytest.mark.parametrize("spell", [lambda user: user.pk, lambda user: str(user.pk), lambda user: user.username])
def test_oneself_by_number_and_name(user_api, user, spell):
    assert user_api("get_user", userid=spell(user))["user_id"] == user.pk


@pytest.mark.parametrize("userid", ["boss", "nobody", 99999, True, ["una"]])
def test_others_are_for_administrators(user_api, userid):
    assert user_api.error("get_user", userid=userid) == "userid is not the same as your user"


@pytest.mark.parametrize("userid", ["nobody", "", 0, -1, 99999, 2**70, "9" * 30, 1.5])
def test_nobody_of_that_name(api, userid):
    assert api.error("get_user", userid=userid) == f"user `{userid}` does not exist"


def test_names_are_found_as_they_are_written(api, user):
    assert api.error("get_user", userid="UNA") == "user `UNA` does not exist"


@pytest.mark.parametrize("userid", ["a\0b", "\ud800"])
def test_text_that_no_database_takes(api, userid):
    assert api.error("get_user", userid=userid).startswith("Invalid `userid` arg in JSON DATA")


def test_permissions_of_a_regular_user(api, user):
    people = UserGroupFactory(name="people", members=[user])
    UserGroupFactory(name="closed", everybody=Level.NONE)
    open_repository = RepositoryFactory(name="open")
    RepositoryFactory(name="own", owner=user, is_private=True)
    RepositoryFactory(name="secret", is_private=True)
    folder = RepositoryGroupFactory(name="folder")
    grant(open_repository, people, Level.WRITE)
    grant(folder, user, Level.ADMIN)
    permissions = api("get_user", userid="una")["permissions"]
    assert permissions["repositories"] == {
        "open": "repository.write",
        "own": "repository.admin",
        "secret": "repository.none",
    }
    assert permissions["repositories_groups"] == {"folder": "group.admin"}
    assert permissions["user_groups"] == {"people": "usergroup.read", "closed": "usergroup.none"}
    assert set(permissions["global"]) == {
        "hg.create.repository",
        "hg.fork.repository",
        "hg.register.manual_activate",
        "hg.extern_activate.auto",
        "repository.read",
        "group.read",
        "usergroup.read",
    }


def test_permissions_of_an_administrator(api):
    RepositoryFactory(name="secret", is_private=True)
    permissions = api("get_user")["permissions"]
    assert permissions["global"] == ["hg.admin"]
    assert permissions["repositories"] == {"secret": "repository.admin"}


def test_the_default_user_has_no_key(api):
    answer = api("get_user", userid="default")
    assert (answer["user_id"], answer["api_key"]) == (1, None)


def test_an_administrator_sees_everybodys_key(api, user):
    assert api("get_user", userid="una")["api_key"] == key_of(user)


def test_keys_are_shown_nowhere_when_the_site_says_so(api, user, settings):
    settings.API_SHOWS_KEYS = False
    assert api("get_user", userid="una")["api_key"] is None


@pytest.mark.parametrize("level", [Level.READ, Level.WRITE])
def test_a_narrow_key_does_not_reveal_the_builtin_one(user_api, user, level):
    narrow = user_api.as_(ApiKeyFactory(user=user, level=level))
    answer = narrow("get_user")
    assert (answer["username"], answer["api_key"], answer["ip_addresses"]) == ("una", None, None)


def test_a_narrow_key_of_an_administrator_is_no_administrator(api):
    UserFactory(username="other")
    narrow = api.as_(ApiKeyFactory(user=AdminFactory(), level=Level.READ))
    assert narrow.error("get_user", userid="other") == "userid is not the same as your user"


def test_a_bound_key_sees_only_its_repository(user_api, user):
    inside = RepositoryFactory(name="inside")
    RepositoryFactory(name="outside")
    UserGroupFactory()
    bound = user_api.as_(ApiKeyFactory(user=user, repository_id=inside.pk))
    permissions = bound("get_user")["permissions"]
    assert permissions["repositories"] == {"inside": "repository.read"}
    assert permissions["repositories_groups"] == permissions["user_groups"] == {}


def test_ldap_name_and_last_login_have_the_published_fields(api):
    UserFactory(username="lena", extern_type="ldap", extern_name="cn=lena")
    answer = api("get_user", userid="lena")
    assert (answer["ldap_dn"], answer["extern_name"], answer["last_login"]) == ("cn=lena", "cn=lena", None)


def test_the_number_of_queries_does_not_grow(api, user, django_assert_num_queries):
    api("get_user", userid="una")  # the key's "last used" is written once a minute
    RepositoryFactory()
    with django_assert_num_queries(9):
        api("get_user", userid="una")
    RepositoryFactory.create_batch(20)
    UserGroupFactory.create_batch(5, members=[User.objects.get(username="una")])
    with django_assert_num_queries(9):
        api("get_user", userid="una")


def test_a_bound_key_sees_what_it_opens(user_api, user):
    mine = RepositoryFactory(name="mine", owner=user)
    RepositoryFactory(name="other")
    RepositoryGroupFactory(name="folder")
    UserGroupFactory(name="people", members=[user])
    permissions = user_api.as_(ApiKeyFactory(user=user, repository_id=mine.pk))("get_user")["permissions"]
    assert permissions["repositories"] == {"mine": "repository.admin"}
    assert (permissions["repositories_groups"], permissions["user_groups"]) == ({}, {})
