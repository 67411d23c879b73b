"""create_repo_group: the last part of a path, inside a parent or at the top."""

import pytest

from accounts.permissions import Level
from repos.models import RepositoryGroup
from tests.factories import RepositoryFactory, RepositoryGroupFactory, grant

pytestmark = pytest.mark.usefixtures("repositories_root")


def test_at_the_top_and_inside(api, user, repositories_root):
    answer = api("create_repo_group", group_name="a")
    assert answer["msg"] == "created new repo group `a`"
    expected = {"group_name": "a", "group_description": "a", "parent_group": None, "repositories": [], "owner": "boss"}
    assert expected.items() <= answer["repo_group"].items()
    parent = answer["repo_group"]["group_id"]
    answer = api("create_repo_group", group_name="b", parent=parent, owner="una", description="B")
    assert answer["msg"] == "created new repo group `b`"
    expected = {"group_name": "a/b", "group_description": "B", "parent_group": "a", "owner": "una"}
    assert expected.items() <= answer["repo_group"].items()
    assert (repositories_root / "a" / "b").is_dir()
    members = api("get_repo_group", repogroupid="a/b")["members"]
    assert [(row["name"], row["permission"]) for row in members] == [("default", "group.read"), ("una", "group.admin")]


def test_permissions_of_the_parent_are_copied(api, user):
    grant(RepositoryGroupFactory(name="a"), user, Level.WRITE)
    api("create_repo_group", group_name="b", parent="a", copy_permissions=True)
    members = api("get_repo_group", repogroupid="a/b")["members"]
    assert [(row["name"], row["permission"]) for row in members] == [("default", "group.read"), ("una", "group.write")]


def test_taken_names(api):
    RepositoryGroupFactory(name="a")
    RepositoryFactory(name="one")
    for name in ("a", "one"):
        assert api.error("create_repo_group", group_name=name) == f"repo group `{name}` already exist"
    assert api("create_repo_group", group_name="a", parent="a")["repo_group"]["group_name"] == "a/a"


@pytest.mark.parametrize("name", ["a/b", "", "..", ".git", "_admin", "12", "a b", "-a", "a\\b"])
def test_names_that_cannot_be_used(api, name):
    """K11"""
    assert api.error("create_repo_group", group_name=name) == f"failed to create repo group `{name}`"
    assert not RepositoryGroup.objects.exists()


def test_unknown_things(api, user_api):
    error = api.error("create_repo_group", group_name="a", parent="x")
    assert error == "repository group `x` does not exist"
    assert api.error("create_repo_group", group_name="a", owner="x") == "user `x` does not exist"
    error = user_api.error("create_repo_group", group_name="a")
    assert error == "access denied: create_repo_group needs administrator rights"
