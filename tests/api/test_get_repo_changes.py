"""get_repo_changes: what lies between two changesets."""

import pytest

from tests.factories import RepositoryFactory
from tests.repo_builder import RepoBuilder

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["hg", "git"])
def repository(request, repositories_root):
    builder = RepoBuilder(request.param)
    builder.commit("base", {"a.txt": "1\n"})
    builder.commit("old", {"a.txt": "2\n"})
    builder.commit("side", {"b.txt": "b\n"}, branch="side", parents=["base"])
    builder.commit("more", {"b.txt": "c\n"}, branch="side")
    row = RepositoryFactory(kind=request.param, name="real")
    row.ids = builder.build(repositories_root / "real")
    return row


def test_changesets_ancestor_and_diff(api, repository):
    ids = repository.ids
    answer = api("get_repo_changes", repoid="real", **{"from": ids["old"], "to": ids["more"]})
    assert (answer["from"], answer["to"], answer["ancestor"]) == (ids["old"], ids["more"], ids["base"])
    assert [row["raw_id"] for row in answer["changesets"]] == [ids["side"], ids["more"]]
    assert "+++ b/b.txt" in answer["diff"]
    assert "-2\n+1\n" in answer["diff"]
    assert answer["diff_is_cut"] is False


def test_a_long_diff_is_cut(api, repository):
    answer = api("get_repo_changes", repoid="real", max_diff_bytes=10, **{"from": 0, "to": "tip"})
    assert (len(answer["diff"]), answer["diff_is_cut"]) == (10, True)
    assert api("get_changeset", repoid="real", raw_id="tip")  # the tool is still there


def test_nothing_in_between(api, repository):
    answer = api("get_repo_changes", repoid="real", **{"from": "tip", "to": "tip"})
    assert (answer["changesets"], answer["diff"]) == ([], "")


def test_wrong_input(api, user_api, repository):
    assert api.error("get_repo_changes", repoid="real", to=1) == "Missing non optional `from` arg in JSON DATA"
    assert api.error("get_repo_changes", repoid="real", **{"from": "x", "to": 1}) == "Changeset x does not exist"
    repository.is_private = True
    repository.save()
    hidden = user_api.error("get_repo_changes", repoid="real", **{"from": 0, "to": 1})
    assert hidden == "repository `real` does not exist"
