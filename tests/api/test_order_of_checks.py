"""What a call is about is looked up before a value that cannot be used is complained about."""

import pytest

from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserFactory, UserGroupFactory

WRONG = {
    "update_user": ({"userid": "nosuch", "active": "maybe"}, "user `nosuch` does not exist"),
    "update_user_group": ({"usergroupid": "nosuch", "active": "maybe"}, "user group `nosuch` does not exist"),
    "update_repo": ({"repoid": "nosuch", "private": "maybe"}, "repository `nosuch` does not exist"),
    "update_repo_group": ({"repogroupid": "nosuch", "description": ["x"]}, "repository group `nosuch` does not exist"),
    "fork_repo": ({"repoid": "nosuch", "fork_name": "f", "private": "maybe"}, "repository `nosuch` does not exist"),
    "get_repo": ({"repoid": "nosuch", "with_pullrequests": "maybe"}, "repository `nosuch` does not exist"),
    "get_changesets": ({"repoid": "nosuch", "max_revisions": "x"}, "repository `nosuch` does not exist"),
    "get_changeset": (
        {"repoid": "nosuch", "raw_id": "tip", "with_reviews": "maybe"},
        "repository `nosuch` does not exist",
    ),
}


@pytest.mark.parametrize("method", WRONG)
def test_what_does_not_exist_goes_before_a_wrong_value(api, method):
    arguments, error = WRONG[method]
    assert api.error(method, **arguments) == error


def test_so_does_what_may_not_be_changed(api, user_api):
    RepositoryFactory(name="others")
    UserGroupFactory(name="people")
    assert user_api.error("update_repo", repoid="others", private="maybe") == "repository `others` does not exist"
    refused = user_api.error("update_user_group", usergroupid="people", active="maybe")
    assert refused == "user group `people` does not exist"
    assert api.error("update_user", userid="default", active="maybe") == "editing default user is forbidden"


def test_the_wrong_value_is_named_where_the_rest_is_well(api):
    UserFactory(username="bob")
    UserGroupFactory(name="people")
    RepositoryFactory(name="one")
    RepositoryGroupFactory(name="group")
    assert api.error("update_user", userid="bob", active="maybe") == "failed to update user `bob`"
    assert api.error("update_user_group", usergroupid="people", active="maybe") == (
        "failed to update user group `people`"
    )
    assert api.error("update_repo", repoid="one", private="maybe") == "failed to update repo `one`"
    assert api.error("update_repo_group", repogroupid="group", description=["x"]) == (
        "failed to update repository group `group`"
    )
    assert api.error("get_changesets", repoid="one", max_revisions="x").startswith("Invalid `max_revisions` arg")


def test_a_name_that_no_database_takes_is_not_looked_up(api):
    assert api.error("get_repo", repoid="a\0b", with_pullrequests="maybe").startswith("Invalid `repoid` arg")
