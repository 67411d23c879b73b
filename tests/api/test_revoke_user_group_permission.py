"""revoke_user_group_permission: once or twice, it is gone."""

from accounts.permissions import Level
from tests.factories import RepositoryFactory, UserGroupFactory, grant


def test_once_or_twice(api, user_api, user):
    group = UserGroupFactory(name="people", members=[user])
    grant(RepositoryFactory(name="one", is_private=True), group, Level.READ)
    for _ in range(2):
        answer = api("revoke_user_group_permission", repoid="one", usergroupid=group.pk)
        assert answer == {"msg": "Revoked perm for user group: `people` in repo: `one`", "success": True}
        assert user_api.error("get_repo", repoid="one") == "repository `one` does not exist"


def test_errors(api, user_api):
    RepositoryFactory(name="one")
    UserGroupFactory(name="people")
    given = {"repoid": "one", "usergroupid": "people"}
    assert api.error("revoke_user_group_permission", **given | {"repoid": "x"}) == "repository `x` does not exist"
    assert api.error("revoke_user_group_permission", **given | {"usergroupid": 9}) == "user group `9` does not exist"
    assert user_api.error("revoke_user_group_permission", **given) == "repository `one` does not exist"
