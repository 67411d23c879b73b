"""remove_user_from_user_group: what was given by the group goes with it."""

from tests.factories import UserGroupFactory


def test_once(api, user):
    group = UserGroupFactory(name="people", members=[user])
    done = {"success": True, "msg": "removed member `una` from user group `people`"}
    assert api("remove_user_from_user_group", usergroupid="people", userid="una") == done
    assert not group.members.exists()
    again = {"success": False, "msg": "User wasn't in group"}
    assert api("remove_user_from_user_group", usersgroupid=group.pk, userid=user.pk) == again


def test_the_user_is_looked_up_first(api, user):
    assert api.error("remove_user_from_user_group", usergroupid="x", userid="y") == "user `y` does not exist"
    assert api.error("remove_user_from_user_group", usergroupid="x", userid="una") == "user group `x` does not exist"


def test_needs_admin_on_the_group_even_to_leave(user_api, user):
    UserGroupFactory(name="people", members=[user])
    missing = "user group `people` does not exist"
    assert user_api.error("remove_user_from_user_group", usergroupid="people", userid="una") == missing
