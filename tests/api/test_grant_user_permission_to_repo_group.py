"""grant_user_permission_to_repo_group: on a group, and on what is inside when asked."""

import pytest

from accounts.permissions import Level
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserGroupFactory, grant

METHOD = "grant_user_permission_to_repo_group"


@pytest.fixture
def group(user):
    UserGroupFactory(name="people", members=[user])
    return RepositoryGroupFactory(name="a/b", everybody=Level.NONE)


def test_granted(api, user_api, group):
    inside = RepositoryFactory(name="a/b/one", group=group, is_private=True)
    for children in ("none", "groups"):
        answer = api(METHOD, repogroupid=group.pk, userid="una", perm="group.write", apply_to_children=children)
        expected = f"Granted perm: `group.write` (recursive:{children}) for user: `una` in repo group: `b`"
        assert answer == {"msg": expected, "success": True}
        assert user_api.error("get_repo", repoid=inside.pk).endswith("does not exist")
    for children in ("repos", "all"):
        api(METHOD, repogroupid="a/b", userid="una", perm="group.read", apply_to_children=children)
        assert user_api("get_repo", repoid=inside.pk)["repo_name"] == "a/b/one"


def test_errors(api, group):
    given = {"repogroupid": "a/b", "userid": "una", "perm": "group.read"}
    assert api.error(METHOD, **given | {"repogroupid": "x"}) == "repository group `x` does not exist"
    assert api.error(METHOD, **given | {"userid": "x"}) == "user `x` does not exist"
    assert api.error(METHOD, **given | {"perm": "x"}) == "permission `x` does not exist"
    error = api.error(METHOD, **given | {"perm": "repository.read"})
    assert error == "permission `repository.read` is invalid, should start with group."
    error = api.error(METHOD, **given | {"apply_to_children": "x"})
    assert error == "apply_to_children must be one of none, repos, groups, all"


def test_for_admins_of_the_group(user_api, user, group):
    given = {"repogroupid": "a/b", "userid": "una", "perm": "group.read"}
    grant(group, user, Level.WRITE)
    assert user_api.error(METHOD, **given) == "repository group `a/b` does not exist"
    grant(group, user, Level.ADMIN)
    assert user_api(METHOD, **given)["success"] is True
