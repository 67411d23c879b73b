"""update_default_permissions: what everybody may do, now or also on what exists."""

import pytest

from accounts.models import JournalEntry, User
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserGroupFactory


def levels(api):
    permissions = api("get_user")["permissions"]
    return permissions["repositories"] | permissions["repositories_groups"] | permissions["user_groups"]


def test_what_is_given_changes(api, user_api):
    before = api("get_default_permissions")
    answer = api("update_default_permissions", create_repo="hg.create.none", anonymous="false")
    assert answer["permissions"] == before | {"create_repo": "hg.create.none", "anonymous": False}
    assert not User.objects.default().is_active
    assert "hg.create.none" in user_api("get_user")["permissions"]["global"]


def test_what_exists_stays_unless_overwritten(api, user_api):
    RepositoryFactory(name="r")
    RepositoryFactory(name="private", is_private=True)
    without = RepositoryFactory(name="without")
    without.grants.all().delete()
    RepositoryGroupFactory(name="g")
    UserGroupFactory(name="u")
    given = {"repo_perm": "repository.write", "repo_group_perm": "group.none", "user_group_perm": "usergroup.admin"}
    before = levels(user_api)
    api("update_default_permissions", **given)
    assert levels(user_api) == before
    api("update_default_permissions", **given, overwrite=True)
    assert levels(user_api) == {
        "r": "repository.write",
        "private": "repository.none",
        "without": "repository.write",
        "g": "group.none",
        "u": "usergroup.admin",
    }


def test_a_private_repository_is_not_prepared_to_be_open(api):
    private = RepositoryFactory(is_private=True)
    private.grants.update(level=0)
    api("update_default_permissions", repo_perm="repository.write", overwrite=True)
    assert private.grants.get().level == 0


@pytest.mark.parametrize("number", [3, 30])
def test_overwriting_takes_a_fixed_number_of_queries(api, number, django_assert_max_num_queries):
    RepositoryFactory.create_batch(number)
    with django_assert_max_num_queries(40):
        api("update_default_permissions", repo_perm="repository.none", overwrite=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"repo_perm": "group.read"},
        {"repo_perm": "read"},
        {"fork": "hg.create.repository"},
        {"register": ""},
        {"create_repo": True},
        {"anonymous": "sometimes"},
    ],
)
def test_wrong_values_change_nothing(api, wrong):
    before = api("get_default_permissions")
    assert api.error("update_default_permissions", user_group_perm="usergroup.none", **wrong)
    assert api("get_default_permissions") == before


def test_is_written_down(api):
    api("update_default_permissions", fork="hg.fork.none", anonymous=False)
    entry = JournalEntry.objects.get(action="update_default_permissions")
    assert entry.data == {"overwrite": False, "hg.fork": "hg.fork.none", "anonymous": False}


def test_is_for_administrators(user_api):
    refused = "access denied: update_default_permissions needs administrator rights"
    assert user_api.error("update_default_permissions", anonymous=False) == refused
