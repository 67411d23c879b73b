"""revoke_user_permission: once or twice, it is gone."""

from accounts.permissions import Level
from tests.factories import RepositoryFactory, grant


def test_once_or_twice(api, user_api, user):
    repository = RepositoryFactory(name="one", is_private=True)
    grant(repository, user, Level.READ)
    assert user_api("get_repo", repoid="one")
    for _ in range(2):
        answer = api("revoke_user_permission", repoid="one", userid=user.pk)
        assert answer == {"msg": "Revoked perm for user: `una` in repo: `one`", "success": True}
        assert user_api.error("get_repo", repoid="one") == "repository `one` does not exist"


def test_errors(api, user_api):
    RepositoryFactory(name="one")
    assert api.error("revoke_user_permission", repoid="x", userid="x") == "repository `x` does not exist"
    assert api.error("revoke_user_permission", repoid="one", userid="x") == "user `x` does not exist"
    error = user_api.error("revoke_user_permission", repoid="one", userid="una")
    assert error == "access denied: revoke_user_permission needs administrator rights"
