"""delete_user_group: unless repositories rely on it."""

from accounts.models import UserGroup
from accounts.permissions import Level
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserGroupFactory, grant


def test_goes_with_memberships_and_grants(api, user):
    group = UserGroupFactory(name="people", members=[user])
    grant(RepositoryGroupFactory(), group, Level.READ)
    grant(UserGroupFactory(), group, Level.READ)
    answer = api("delete_user_group", usergroupid="people")
    assert answer == {"msg": f"deleted user group ID:{group.pk} people", "user_group": None}
    assert api.error("delete_user_group", usergroupid="people") == "user group `people` does not exist"


def test_repositories_that_rely_on_it_are_named(api):
    group = UserGroupFactory(name="people")
    for name in ("b", "a"):
        grant(RepositoryFactory(name=name), group, Level.WRITE)
    assert api.error("delete_user_group", usergroupid="people") == "User Group assigned to a, b"
    assert UserGroup.objects.filter(name="people").exists()


def test_of_repositories_that_rely_on_it_hidden_ones_are_not_named(user_api, user):
    group = UserGroupFactory(name="people", owner=user)
    grant(RepositoryFactory(name="hidden", is_private=True), group, Level.WRITE)
    assert user_api.error("delete_user_group", usergroupid="people") == "User Group assigned to what you may not see"
    grant(RepositoryFactory(name="shown"), group, Level.WRITE)
    assert user_api.error("delete_user_group", usergroupid="people") == "User Group assigned to shown"


def test_needs_admin_on_the_group(user_api, user):
    grant(UserGroupFactory(name="people"), user, Level.WRITE)
    assert user_api.error("delete_user_group", usergroupid="people") == "user group `people` does not exist"
    UserGroupFactory(name="own", owner=user)
    assert user_api("delete_user_group", usergroupid="own")
