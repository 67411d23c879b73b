"""update_repo_group: rename, move and describe, with everything inside."""

import pytest

from tests.factories import RepositoryGroupFactory


@pytest.fixture
def groups(api, repositories_root):
    """``a``, ``a/b`` with a repository ``a/b/one``, and ``c``."""
    for name, parent in [("a", None), ("b", "a"), ("c", None)]:
        api("create_repo_group", group_name=name, parent=parent)
    api("create_repo", repo_name="a/b/one")


def test_rename_and_move(api, groups, repositories_root):
    number = api("get_repo_group", repogroupid="a")["group_id"]
    answer = api("update_repo_group", repogroupid="a", group_name="new", parent="c")
    assert answer["msg"] == f"updated repository group ID:{number} c/new"
    assert (answer["repo_group"]["group_name"], answer["repo_group"]["parent_group"]) == ("c/new", "c")
    assert api("get_repo_group", repogroupid="c/new/b")["repositories"] == ["c/new/b/one"]
    assert api("get_repo", repoid="c/new/b/one", with_revision_names=True)["branches"] == {}
    assert (repositories_root / "c" / "new" / "b" / "one").is_dir()
    assert not (repositories_root / "a").exists()


def test_description_and_owner(api, groups, user):
    answer = api("update_repo_group", repogroupid="a", description="New", owner="una")["repo_group"]
    assert (answer["group_description"], answer["owner"], answer["group_name"]) == ("New", "una", "a")
    assert api("update_repo_group", repogroupid="a")["repo_group"] == answer


@pytest.mark.parametrize("wrong", [{"group_name": "c"}, {"group_name": "x/y"}, {"group_name": ""}, {"parent": "a/b"}])
def test_wrong_values(api, groups, wrong):
    assert api.error("update_repo_group", repogroupid="a", **wrong) == "failed to update repository group `a`"
    assert api("get_repo", repoid="a/b/one")["repo_name"] == "a/b/one"


def test_unknown_things(api, user_api):
    RepositoryGroupFactory(name="a")
    assert api.error("update_repo_group", repogroupid="x") == "repository group `x` does not exist"
    assert api.error("update_repo_group", repogroupid="a", parent="x") == "repository group `x` does not exist"
    assert api.error("update_repo_group", repogroupid="a", owner="x") == "user `x` does not exist"
    error = user_api.error("update_repo_group", repogroupid="a")
    assert error == "access denied: update_repo_group needs administrator rights"
