"""fork_repo: a copy of everything, with the recorded texts."""

import pytest

from accounts.models import GlobalGrant
from accounts.permissions import DEFAULT_USER_ID
from tests.factories import RepositoryFactory, RepositoryGroupFactory


@pytest.fixture
def ids(put, kind, db):
    made = put("parent", "first", "second")
    RepositoryFactory(name="parent", kind=kind)
    return made


def test_a_fork(api, user, ids):
    answer = api("fork_repo", repoid="parent", fork_name="fork", owner="una", description="Mine")
    assert (answer["msg"], answer["success"]) == ("Created fork of `parent` as `fork`", True)
    fork = api("get_repo", repoid="fork", with_revision_names=True)
    expected = {"fork_of": "parent", "owner": "una", "description": "Mine", "private": False}
    assert expected.items() <= fork.items()
    assert fork["last_changeset"]["raw_id"] == ids[1]
    assert set(fork["branches"].values()) == {ids[1]}


def test_taken_names(api, ids):
    api("fork_repo", repoid="parent", fork_name="fork")
    assert api.error("fork_repo", repoid="parent", fork_name="fork") == "fork `fork` already exist"
    assert api.error("fork_repo", repoid="parent", fork_name="parent") == "repo `parent` already exist"


def test_a_taken_name_goes_before_what_is_wrong_with_the_owner(api, user_api):
    RepositoryFactory(name="parent")
    taken = "repo `parent` already exist"
    assert api.error("fork_repo", repoid="parent", fork_name="parent", owner="nobody") == taken
    assert user_api.error("fork_repo", repoid="parent", fork_name="parent", owner="una") == taken
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.create").update(permission="hg.create.none")
    RepositoryFactory(name="hidden", is_private=True)  # nobody learns of it who could not have had the name
    refused = "no permission to create top level repo"
    assert user_api.error("fork_repo", repoid="parent", fork_name="hidden") == refused


def test_the_fork_of_a_private_repository_is_private(api, user_api, ids):
    """K3"""
    api("update_repo", repoid="parent", private=True)
    assert api("fork_repo", repoid="parent", fork_name="fork")["fork"]["private"] is True
    assert user_api.error("get_repo", repoid="fork") == "repository `fork` does not exist"
    assert api("fork_repo", repoid="parent", fork_name="public", private=False)["fork"]["private"] is False


@pytest.mark.parametrize("wrong", [{"fork_name": "bad name;"}, {"fork_name": ""}, {"landing_rev": "odd"}])
def test_wrong_values(api, ids, wrong):
    arguments = {"repoid": "parent", "fork_name": "fork"} | wrong
    failed = f"failed to fork repository `parent` as `{arguments['fork_name']}`"
    assert api.error("fork_repo", **arguments) == failed
    assert api.error("get_repo", repoid="fork") == "repository `fork` does not exist"


def test_who_may(user_api, api):
    RepositoryFactory(name="hidden", is_private=True)
    RepositoryFactory(name="parent")
    RepositoryGroupFactory(name="group")
    assert user_api.error("fork_repo", repoid="hidden", fork_name="fork") == "repository `hidden` does not exist"
    assert user_api.error("fork_repo", repoid="parent", fork_name="x/fork") == "repo group `x` not found"
    refused = "no permission to create repo in group"
    assert user_api.error("fork_repo", repoid="parent", fork_name="group/fork") == refused
    refused = "Only Kallithea admin can specify `owner` param"
    assert user_api.error("fork_repo", repoid="parent", fork_name="fork", owner="una") == refused
    assert api.error("fork_repo", repoid="parent", fork_name="fork", owner="nobody") == "user `nobody` does not exist"
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.fork").update(permission="hg.fork.none")
    assert user_api.error("fork_repo", repoid="parent", fork_name="fork") == "no permission to fork repositories"
