"""add_user_to_user_group: once."""

import pytest

from tests.factories import UserGroupFactory


@pytest.mark.parametrize("method", ["add_user_to_user_group", "add_user_user_group"])
@pytest.mark.parametrize("argument", ["usergroupid", "usersgroupid"])
def test_in_every_published_spelling(api, user, method, argument):
    group = UserGroupFactory(name="people")
    done = {"success": True, "msg": "added member `una` to user group `people`"}
    assert api(method, **{argument: "people"}, userid=user.pk) == done
    assert list(group.members.all()) == [user]
    again = {"success": False, "msg": "User is already in that group"}
    assert api(method, **{argument: str(group.pk)}, userid="una") == again


def test_the_user_is_looked_up_first(api, user):
    assert api.error("add_user_to_user_group", usergroupid="x", userid="y") == "user `y` does not exist"
    assert api.error("add_user_to_user_group", usergroupid="x", userid="una") == "user group `x` does not exist"


def test_everybody_cannot_be_a_member(api):
    UserGroupFactory(name="people")
    refused = "failed to add member to user group `people`"
    assert api.error("add_user_to_user_group", usergroupid="people", userid="default") == refused


def test_needs_admin_on_the_group(user_api):
    UserGroupFactory(name="people")
    missing = "user group `people` does not exist"
    assert user_api.error("add_user_to_user_group", usergroupid="people", userid="una") == missing


def test_with_several_arguments_missing_the_last_is_named(api):
    assert api.error("add_user_to_user_group") == "Missing non optional `userid` arg in JSON DATA"
    assert api.error("add_user_to_user_group", userid=1) == "Missing non optional `usergroupid` arg in JSON DATA"
