"""get_user_group: a group and who is in it."""

import pytest

from accounts.permissions import Level
from tests.factories import ApiKeyFactory, UserFactory, UserGroupFactory, grant


def test_with_members_in_the_order_they_joined(user_api, user):
    others = [UserFactory(username="zoe"), UserFactory(username="anna")]
    group = UserGroupFactory(name="people", description="Leute", members=[*others, user])
    answer = user_api("get_user_group", usergroupid="people")
    assert answer["users_group_id"] == group.pk
    assert (answer["group_name"], answer["group_description"], answer["active"]) == ("people", "Leute", True)
    assert answer["owner"] == group.owner.username
    assert [member["username"] for member in answer["members"]] == ["zoe", "anna", "una"]
    assert [member["api_key"] is None for member in answer["members"]] == [True, True, False]
    assert user_api("get_user_group", usersgroupid=group.pk) == answer


def test_names_differ_by_case(api):
    small, large = UserGroupFactory(name="people"), UserGroupFactory(name="PEOPLE")
    assert api("get_user_group", usergroupid="PEOPLE")["users_group_id"] == large.pk
    assert api("get_user_group", usergroupid="people")["users_group_id"] == small.pk


@pytest.mark.parametrize("usergroupid", ["nothing", "", 0, 99999, "99999", None, ["people"]])
def test_unknown(api, usergroupid):
    UserGroupFactory(name="people")
    assert api.error("get_user_group", usergroupid=usergroupid) == f"user group `{usergroupid}` does not exist"


def test_hidden_equals_absent(user_api, user):
    group = UserGroupFactory(name="closed", everybody=Level.NONE)
    assert user_api.error("get_user_group", usergroupid="closed") == "user group `closed` does not exist"
    grant(group, user, Level.READ)
    assert user_api("get_user_group", usergroupid="closed")


def test_a_bound_key_sees_no_user_groups(user_api, user):
    UserGroupFactory(name="people")
    bound = user_api.as_(ApiKeyFactory(user=user, repository_id=1))
    assert bound.error("get_user_group", usergroupid="people") == "user group `people` does not exist"
