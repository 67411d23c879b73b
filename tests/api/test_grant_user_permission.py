"""grant_user_permission: for administrators, repository permissions only."""

import pytest

from accounts.permissions import Level
from repos.models import RepositoryGrant
from tests.factories import RepositoryFactory


@pytest.mark.parametrize("perm", ["none", "read", "write", "admin"])
def test_every_permission(api, user, perm):
    repository = RepositoryFactory(name="one")
    for userid in ("una", user.pk):
        answer = api("grant_user_permission", repoid=repository.pk, userid=userid, perm=f"repository.{perm}")
        assert answer == {"msg": f"Granted perm: `repository.{perm}` for user: `una` in repo: `one`", "success": True}
    assert RepositoryGrant.objects.get(user=user).level == Level[perm.upper()]


@pytest.mark.parametrize("perm", ["read", "repository", "repository.nosuch", "", None, 5, ["repository.read"]])
def test_permissions_that_do_not_exist(api, user, perm):
    RepositoryFactory(name="one")
    error = api.error("grant_user_permission", repoid="one", userid="una", perm=perm)
    assert error == f"permission `{perm}` does not exist"


@pytest.mark.parametrize("perm", ["hg.admin", "group.read", "usergroup.admin", "hg.create.repository"])
def test_permissions_for_something_else(api, user_api, user, perm):
    """K7: and the user's calls still work."""
    RepositoryFactory(name="one")
    error = api.error("grant_user_permission", repoid="one", userid="una", perm=perm)
    assert error == f"permission `{perm}` is invalid, should start with repository."
    assert not RepositoryGrant.objects.filter(user=user).exists()
    assert user_api("get_repo", repoid="one")["repo_name"] == "one"


def test_what_is_unknown_is_told_in_order(api):
    RepositoryFactory(name="one")
    unknown = {"repoid": "x", "userid": "x", "perm": "x"}
    assert api.error("grant_user_permission", **unknown) == "repository `x` does not exist"
    assert api.error("grant_user_permission", **unknown | {"repoid": "one"}) == "user `x` does not exist"


def test_for_administrators(user_api, user):
    RepositoryFactory(name="one", owner=user)
    error = user_api.error("grant_user_permission", repoid="one", userid="una", perm="repository.read")
    assert error == "access denied: grant_user_permission needs administrator rights"
