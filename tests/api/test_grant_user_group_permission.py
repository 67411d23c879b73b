"""grant_user_group_permission: for admins of the repository who see the user group."""

import pytest

from accounts.permissions import Level
from tests.factories import RepositoryFactory, UserGroupFactory, grant


@pytest.mark.parametrize("argument", ["usergroupid", "usersgroupid"])
def test_members_get_it(api, user_api, user, argument):
    group = UserGroupFactory(name="people", members=[user])
    RepositoryFactory(name="one", is_private=True)
    for usergroupid in ("people", group.pk):
        answer = api("grant_user_group_permission", repoid="one", perm="repository.read", **{argument: usergroupid})
        assert answer["msg"] == "Granted perm: `repository.read` for user group: `people` in repo: `one`"
    assert user_api("get_repo", repoid="one")["repo_name"] == "one"


def test_errors_in_order(api):
    RepositoryFactory(name="one")
    given = {"repoid": "x", "usergroupid": "x", "perm": "x"}
    assert api.error("grant_user_group_permission", **given) == "repository `x` does not exist"
    given["repoid"] = "one"
    assert api.error("grant_user_group_permission", **given) == "permission `x` does not exist"
    given["perm"] = "hg.admin"  # K7
    error = api.error("grant_user_group_permission", **given)
    assert error == "permission `hg.admin` is invalid, should start with repository."
    given["perm"] = "repository.read"
    assert api.error("grant_user_group_permission", **given) == "user group `x` does not exist"


def test_who_may(user_api, user):
    repository = RepositoryFactory(name="one", everybody=Level.WRITE)
    UserGroupFactory(name="people")
    UserGroupFactory(name="hidden", everybody=Level.NONE)
    given = {"repoid": "one", "usergroupid": "people", "perm": "repository.read"}
    assert user_api.error("grant_user_group_permission", **given) == "repository `one` does not exist"
    grant(repository, user, Level.ADMIN)
    assert user_api("grant_user_group_permission", **given)["success"] is True
    given["usergroupid"] = "hidden"
    assert user_api.error("grant_user_group_permission", **given) == "user group `hidden` does not exist"
