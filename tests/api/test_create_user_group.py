"""create_user_group: by administrators, and others where the site allows."""

import pytest

from accounts.models import GlobalGrant, UserGroup
from accounts.permissions import DEFAULT_USER_ID, Level


def test_by_an_administrator(api, admin):
    answer = api("create_user_group", group_name="people", description="Leute", active=False)
    assert answer["msg"] == "created new user group `people`"
    assert answer["user_group"] == answer["users_group"] == api("get_user_group", usergroupid="people")
    assert (answer["user_group"]["owner"], answer["user_group"]["active"]) == ("boss", False)
    assert answer["user_group"]["group_description"] == "Leute"


def test_everybody_gets_the_sites_default(api, user_api):
    api("update_default_permissions", user_group_perm="usergroup.none")
    api("create_user_group", group_name="closed")
    assert user_api.error("get_user_group", usergroupid="closed") == "user group `closed` does not exist"
    api("update_default_permissions", user_group_perm="usergroup.write")
    api("create_user_group", group_name="open")
    assert user_api("get_user")["permissions"]["user_groups"]["open"] == "usergroup.write"


def test_an_owner_without_admin_rights_keeps_a_grant_of_his_own(api, user):
    api("create_user_group", group_name="people", owner=user.pk)
    group = UserGroup.objects.get(name="people")
    assert {(row.user_id, row.level) for row in group.grants.all()} == {
        (DEFAULT_USER_ID, Level.READ),
        (user.pk, Level.ADMIN),
    }
    api("update_user_group", usergroupid="people", owner="boss")
    assert api.as_(user)("add_user_to_user_group", usergroupid="people", userid="una")["success"]


def test_others_where_they_may(user_api, user):
    refused = "access denied: you may not create user groups"
    assert user_api.error("create_user_group", group_name="people", owner="nobody") == refused
    GlobalGrant.objects.create(user=user, kind="hg.usergroup.create", permission="hg.usergroup.create.true")
    assert user_api("create_user_group", group_name="people")["user_group"]["owner"] == "una"


def test_taken_by_exact_name(api):
    api("create_user_group", group_name="people")
    assert api.error("create_user_group", group_name="people") == "user group `people` already exist"
    assert api("create_user_group", group_name="People")


def test_unknown_owner(api):
    assert api.error("create_user_group", group_name="x", owner="nobody") == "user `nobody` does not exist"
    assert not UserGroup.objects.exists()


@pytest.mark.parametrize("name", ["", "123", " x", "a\nb", "x" * 256])
def test_impossible_names(api, name):
    assert api.error("create_user_group", group_name=name) == f"failed to create group `{name}`"


def test_odd_names_are_fine(api):
    assert api("create_user_group", group_name="ünï/x y")["user_group"]["group_name"] == "ünï/x y"


@pytest.mark.parametrize("wrong", [{"group_name": ["x"]}, {"active": "maybe"}, {"description": {}}])
def test_wrong_values(api, wrong):
    assert api.error("create_user_group", **({"group_name": "x"} | wrong)).startswith("failed to create group `")
    assert not UserGroup.objects.exists()
