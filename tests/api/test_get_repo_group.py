"""get_repo_group: a repository group with its members."""

import pytest

from accounts.permissions import Level
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserGroupFactory, grant


def test_a_group(api, admin):
    parent = RepositoryGroupFactory(name="a")
    group = RepositoryGroupFactory(name="a/b", parent=parent, owner=admin, description="B")
    grant(group, UserGroupFactory(name="people"), Level.WRITE)
    RepositoryFactory(name="a/b/two", group=group)
    RepositoryFactory(name="a/b/one", group=group)
    RepositoryFactory(name="a/other", group=parent)
    for repogroupid in (group.pk, str(group.pk), "a/b"):
        answer = api("get_repo_group", repogroupid=repogroupid)
        members = [(member["name"], member["type"], member["permission"]) for member in answer.pop("members")]
        assert members == [("default", "user", "group.read"), ("people", "user_group", "group.write")]
        assert answer == {
            "group_id": group.pk,
            "group_name": "a/b",
            "group_description": "B",
            "parent_group": "a",
            "repositories": ["a/b/one", "a/b/two"],
            "owner": "boss",
        }


@pytest.mark.parametrize("repogroupid", ["x", "A", "", 999999, None])
def test_unknown(api, repogroupid):
    RepositoryGroupFactory(name="a")
    error = api.error("get_repo_group", repogroupid=repogroupid)
    assert error == f"repository group `{repogroupid}` does not exist"


def test_for_administrators(user_api):
    assert user_api.error("get_repo_group", repogroupid="x") == (
        "access denied: get_repo_group needs administrator rights"
    )
