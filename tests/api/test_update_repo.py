"""update_repo: what is given changes, everything else stays."""

import pytest

from accounts.models import GlobalGrant
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository
from tests.factories import RepositoryFactory, RepositoryGroupFactory, grant

FIELDS = {
    "description": ("New ☃", "New ☃"),
    "private": ("true", True),
    "landing_rev": ("branch:stable", ["branch", "stable"]),
    "enable_statistics": (1, True),
    "enable_downloads": (True, True),
    "clone_uri": ("", ""),
    "owner": ("una", "una"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_each_field(api, user, field):
    given, expected = FIELDS[field]
    repository = RepositoryFactory(name="one")
    before = api("get_repo", repoid="one")
    answer = api("update_repo", repoid="one", **{field: given})
    assert answer["msg"] == f"updated repo ID:{repository.pk} one"
    after = answer["repository"]
    assert after[field] == expected
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {field}
    assert api("get_repo", repoid="one")[field] == expected


def test_what_pushes_must_respect(api):
    RepositoryFactory(name="one")
    api("update_repo", repoid="one", protected_branches="main release-*", max_file_size="1000")
    seen = api("get_repo", repoid="one")
    assert (seen["protected_branches"], seen["max_file_size"]) == (["main", "release-*"], 1000)
    api("update_repo", repoid="one", description="x")
    assert Repository.objects.get().push_rules.max_file_size == 1000
    api("update_repo", repoid="one", protected_branches="", max_file_size=0)
    seen = api("get_repo", repoid="one")
    assert (seen["protected_branches"], seen["max_file_size"]) == ([], None)
    assert api.error("update_repo", repoid="one", max_file_size=-1) == "failed to update repo `one`"
    endless = "*a" * 3000  # every push would be compared with it
    assert api.error("update_repo", repoid="one", protected_branches=endless) == "failed to update repo `one`"
    assert Repository.objects.get().protected_branches == ""


def test_nothing_to_change(api):
    RepositoryFactory(name="one", description="One")
    answer = api("update_repo", repoid="one", description=None, private=None)
    assert answer["repository"]["description"] == "One"


def test_rename_and_move(api, put, kind, repositories_root):
    ids = put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind)
    group = RepositoryGroupFactory(name="group")
    assert api("update_repo", repoid="one", name="two")["msg"] == f"updated repo ID:{repository.pk} two"
    answer = api("update_repo", repoid="two", name="three", group=group.pk)
    assert answer["msg"] == f"updated repo ID:{repository.pk} group/three"
    assert api("get_repo", repoid="group/three")["last_changeset"]["raw_id"] == ids[0]
    assert api.error("get_repo", repoid="one") == "repository `one` does not exist"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "two"},
        {"name": "bad name;"},
        {"name": ""},
        {"name": "a/b"},
        {"name": ".git"},
        {"owner": "nobody"},
        {"owner": 2},
        {"landing_rev": "nonsense"},
        {"private": "x"},
        {"clone_uri": "http://127.0.0.1:1/"},
        {"clone_uri": "/etc"},
    ],
)
def test_wrong_values(api, wrong, repositories_root):
    RepositoryFactory(name="one")
    RepositoryFactory(name="two")
    before = api("get_repo", repoid="one")
    assert api.error("update_repo", repoid="one", **wrong) == "failed to update repo `one`"
    assert api("get_repo", repoid="one") == before


def test_unknown_things(api):
    RepositoryFactory(name="one")
    assert api.error("update_repo", repoid="missing") == "repository `missing` does not exist"
    for group in ("missing", 999999, ""):
        assert api.error("update_repo", repoid="one", group=group) == f"repository group `{group}` does not exist"


def test_private_takes_away_what_everybody_had(api):
    RepositoryFactory(name="one")
    for private in (True, False):
        api("update_repo", repoid="one", private=private)
        assert api("get_repo", repoid="one")["members"][0]["permission"] == "repository.none"


def test_who_may(user_api, user):
    repository = RepositoryFactory(name="one", everybody=Level.WRITE)
    group = RepositoryGroupFactory(name="group")
    assert user_api.error("update_repo", repoid="one") == "repository `one` does not exist"
    grant(repository, user, Level.ADMIN)
    assert user_api("update_repo", repoid="one", description="mine")["repository"]["description"] == "mine"
    refused = "Only Kallithea admin can specify `owner` param"
    assert user_api.error("update_repo", repoid="one", owner="una") == refused
    refused = "no permission to create (or move) repo in group"
    assert user_api.error("update_repo", repoid="one", group=group.name) == refused
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.create").update(permission="hg.create.none")
    refused = "no permission to create (or move) top level repositories"
    assert user_api.error("update_repo", repoid="one", description="x") == refused
    assert Repository.objects.get().description == "mine"


def test_nothing_comes_into_an_archived_repository(api, reviewed):
    """Pushes are tried in tests/repos/test_transport_access.py."""
    archived = "The repository is archived; nothing comes in any more."
    api("update_repo", repoid="code", archived="true", clone_uri="")
    assert api("get_repo", repoid="code")["archived"] is True
    assert api("get_pull_request", pullrequestid=reviewed.number)["mergeable"]["problem"] == archived
    assert api.error("merge_pull_request", pullrequestid=reviewed.number) == archived
    another = {"source_ref": "branch:feature", "target_ref": f"branch:{reviewed.trunk}"}
    assert archived in api.error("create_pull_request", source_repo="code", target_repo="code", **another)
    refs = reviewed.repository.vcs.refs()
    assert api.error("pull", repoid="code") == "Unable to pull changes from `code`"
    assert reviewed.repository.vcs.refs() == refs
    api("update_repo", repoid="code", archived=False)
    assert api("merge_pull_request", pullrequestid=reviewed.number)["executed"] is True
