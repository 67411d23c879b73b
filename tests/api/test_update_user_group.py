"""update_user_group: by those who administer it."""

import pytest

from accounts.models import UserGroup
from accounts.permissions import Level
from tests.factories import UserFactory, UserGroupFactory, grant


def test_what_is_given_changes(api, user):
    group = UserGroupFactory(name="people", description="old", members=[user])
    answer = api("update_user_group", usergroupid=group.pk, group_name="folk", active="false")
    assert answer["msg"] == f"updated user group ID:{group.pk} folk"
    assert (answer["user_group"]["group_description"], answer["user_group"]["active"]) == ("old", False)
    assert len(answer["user_group"]["members"]) == 1


def test_the_owner_may_until_he_gives_it_away(user_api, user):
    UserFactory(username="other")
    UserGroupFactory(name="people", owner=user)
    assert user_api("update_user_group", usergroupid="people", owner="other")["user_group"]["owner"] == "other"
    missing = "user group `people` does not exist"
    assert user_api.error("update_user_group", usergroupid="people", description="mine") == missing


@pytest.mark.parametrize(("level", "may"), [(Level.READ, False), (Level.WRITE, False), (Level.ADMIN, True)])
def test_needs_admin_on_the_group(user_api, user, level, may):
    grant(UserGroupFactory(name="people"), user, level)
    if may:
        assert user_api("update_user_group", usergroupid="people")
    else:
        assert user_api.error("update_user_group", usergroupid="people") == "user group `people` does not exist"


@pytest.mark.parametrize("wrong", [{"group_name": "taken"}, {"group_name": ""}, {"active": []}, {"description": True}])
def test_wrong_and_taken_values(api, wrong):
    UserGroupFactory(name="taken")
    UserGroupFactory(name="people")
    assert api.error("update_user_group", usergroupid="people", **wrong) == "failed to update user group `people`"
    assert UserGroup.objects.filter(name="people").exists()


def test_unknown_owner(api):
    UserGroupFactory(name="people")
    assert api.error("update_user_group", usergroupid="people", owner=777) == "user `777` does not exist"
