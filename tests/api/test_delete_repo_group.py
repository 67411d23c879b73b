"""delete_repo_group: only an empty one."""

from tests.factories import RepositoryGroupFactory


def test_only_an_empty_one(api, repositories_root):
    """K2: nothing is lost."""
    number = api("create_repo_group", group_name="a")["repo_group"]["group_id"]
    api("create_repo_group", group_name="b", parent="a")
    api("create_repo", repo_name="a/b/one")
    inner = api("get_repo_group", repogroupid="a/b")["group_id"]
    assert api.error("delete_repo_group", repogroupid="a") == f"failed to delete repo group ID:{number} a"
    assert api.error("delete_repo_group", repogroupid="a/b") == f"failed to delete repo group ID:{inner} a/b"
    assert api("get_repo", repoid="a/b/one")["repo_name"] == "a/b/one"
    api("delete_repo", repoid="a/b/one")
    answer = api("delete_repo_group", repogroupid=inner)
    assert answer == {"msg": f"deleted repo group ID:{inner} a/b", "repo_group": None}
    assert api("delete_repo_group", repogroupid="a")["repo_group"] is None
    assert api.error("delete_repo_group", repogroupid="a") == "repository group `a` does not exist"


def test_for_administrators(user_api, user):
    RepositoryGroupFactory(name="a", owner=user)
    error = user_api.error("delete_repo_group", repogroupid="a")
    assert error == "access denied: delete_repo_group needs administrator rights"
