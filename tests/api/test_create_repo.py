"""create_repo: the recorded texts for everything that can be wrong, and nothing left behind."""

import pytest

from accounts.models import GlobalGrant
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository
from tests.factories import RepositoryFactory, RepositoryGroupFactory, grant

pytestmark = pytest.mark.usefixtures("repositories_root")


def test_with_everything(api, user, kind):
    group = RepositoryGroupFactory(name="group")
    answer = api(
        "create_repo",
        repo_name="group/one",
        owner=user.pk,
        repo_type=kind,
        description="One",
        private=True,
        landing_rev="branch:stable",
        enable_statistics=True,
        enable_downloads="true",
    )
    assert (answer["msg"], answer["success"]) == ("Created new repository `group/one`", True)
    repository = Repository.objects.get()
    assert (repository.name, repository.group, repository.owner) == ("group/one", group, user)
    assert (repository.landing_rev, repository.is_private) == (("branch", "stable"), True)
    assert answer["repo"]["enable_downloads"] is True
    assert answer["repo"]["repo_type"] == kind


def test_defaults(api, admin):
    repo = api("create_repo", repo_name="one", description=None, repo_type=None, landing_rev="tip")["repo"]
    expected = {"repo_type": "hg", "description": "one", "owner": "boss", "private": False, "clone_uri": None}
    assert expected.items() <= repo.items()
    assert repo["landing_rev"] == ["rev", "tip"]


def test_the_name_is_taken(api):
    RepositoryFactory(name="one")
    RepositoryGroupFactory(name="group")
    assert api.error("create_repo", repo_name="one") == "repo `one` already exist"
    assert api.error("create_repo", repo_name="group") == "repo `group` already exist"
    assert api("create_repo", repo_name="ONE")["success"]


@pytest.mark.parametrize(
    ("name", "group"), [("missing/one", "missing"), ("/one", ""), ("one/", "one"), ("a/b/c", "a/b"), ("../one", "..")]
)
def test_the_group_is_unknown(api, name, group):
    assert api.error("create_repo", repo_name=name) == f"repo group `{group}` not found"


@pytest.mark.parametrize(
    "name", [".hg", ".git", "..", "_1", "_admin", "12", "a\\b", "-x", "--config=x", "a b", "", "x" * 300]
)
def test_dangerous_names(api, name, repositories_root):
    """K11"""
    assert api.error("create_repo", repo_name=name) == f"failed to create repository `{name}`"
    assert not Repository.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"repo_type": "svn"}, {"landing_rev": "x"}, {"private": "maybe"}, {"clone_uri": "/etc"}]
)
def test_wrong_values(api, wrong, repositories_root):
    assert api.error("create_repo", repo_name="one", **wrong) == "failed to create repository `one`"
    assert api.error("get_repo", repoid="one") == "repository `one` does not exist"


def test_an_owner_is_for_administrators(api, user_api, user):
    refused = "Only Kallithea admin can specify `owner` param"
    assert user_api.error("create_repo", repo_name="one", owner="una") == refused
    assert api.error("create_repo", repo_name="one", owner="nobody") == "user `nobody` does not exist"


def test_a_clone_uri_is_for_administrators(user_api):
    """K5"""
    assert "clone_uri" in user_api.error("create_repo", repo_name="one", clone_uri="http://example.com/x")
    assert user_api("create_repo", repo_name="one", clone_uri="")["repo"]["clone_uri"] == ""


def test_who_may_create(user_api, user):
    group = RepositoryGroupFactory(name="group")
    RepositoryGroupFactory(name="hidden", everybody=Level.NONE)
    assert user_api.error("create_repo", repo_name="group/one") == "no permission to create repo in group"
    assert user_api.error("create_repo", repo_name="group/one", owner="x") == "no permission to create repo in group"
    assert user_api.error("create_repo", repo_name="hidden/one") == "repo group `hidden` not found"
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.create").update(permission="hg.create.none")
    assert user_api.error("create_repo", repo_name="one") == "no permission to create top level repo"
    grant(group, user, Level.WRITE)
    assert user_api("create_repo", repo_name="group/one")["repo"]["owner"] == "una"


def test_permissions_of_the_group_are_copied(api, user):
    grant(RepositoryGroupFactory(name="group"), user, Level.WRITE)
    api("create_repo", repo_name="group/one", copy_permissions=True)
    members = api("get_repo", repoid="group/one")["members"]
    assert [(member["name"], member["permission"]) for member in members] == [
        ("default", "repository.read"),
        ("una", "repository.write"),
    ]
