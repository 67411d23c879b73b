"""get_changesets: which, in which order, with which fields, on both tools."""

import pytest

from repos.models import StoredChangeset
from repos.services import changesets
from tests.factories import RepositoryFactory
from tests.repo_builder import RepoBuilder

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(kind, repositories_root):
    builder = RepoBuilder(kind)
    builder.commit("one", {"a.txt": "1\n", "ü/ß.txt": "x"})
    builder.commit("two", {"a.txt": "2\n"}, author="Jürgen Müller <juergen@example.com>")
    builder.commit("side", {"b.txt": "b\n"}, branch="stable")
    builder.commit("three", rename={"a.txt": "c.txt"})
    builder.merge("stable", "merge")
    row = RepositoryFactory(kind=kind, name="real")
    row.ids = builder.build(repositories_root / "real")
    return row


def messages(answer):
    return [row["message"].strip() for row in answer]


def test_oldest_first_with_every_field(api, repository, kind):
    answer = api("get_changesets", repoid="real")
    assert messages(answer) == ["one", "two", "side", "three", "merge"]
    assert answer[1] == {
        "short_id": repository.ids["two"][:12],
        "raw_id": repository.ids["two"],
        "revision": 1,
        "message": "two" if kind == "hg" else "two\n",
        "date": "2010-01-02T12:30:00",
        "author": "Jürgen Müller <juergen@example.com>",
    }


def test_file_lists_show_a_rename_as_removed_and_added(api, repository):
    one, _, _, three, _ = api("get_changesets", repoid=repository.pk, with_file_list=True)
    assert (one["added"], one["changed"], one["removed"]) == (["a.txt", "ü/ß.txt"], [], [])
    assert (three["added"], three["changed"], three["removed"]) == (["c.txt"], [], ["a.txt"])


def test_start_end_reverse_and_numbers_as_text(api, repository):
    assert messages(api("get_changesets", repoid="real", start=1, end="3")) == ["two", "side", "three"]
    ends = {"start": repository.ids["two"], "end": repository.ids["side"]}
    assert messages(api("get_changesets", repoid="real", reverse="true", **ends)) == ["side", "two"]


def test_max_revisions_keeps_the_first_of_mercurial_and_the_last_of_git(api, repository, kind):
    kept = ["one", "two"] if kind == "hg" else ["three", "merge"]
    assert messages(api("get_changesets", repoid="real", max_revisions="2")) == kept
    assert messages(api("get_changesets", repoid="real", max_revisions=2, reverse=True)) == kept[::-1]
    assert len(api("get_changesets", repoid="real", max_revisions=0)) == 5


def test_branch_and_dates(api, repository):
    assert "side" in messages(api("get_changesets", repoid="real", branch_name="stable"))
    assert "three" not in messages(api("get_changesets", repoid="real", branch_name="stable"))
    dates = {"start_date": "2010-01-02T12:30:00", "end_date": "2010-01-03T12:30:00"}
    assert messages(api("get_changesets", repoid="real", **dates)) == ["two", "side"]
    assert api("get_changesets", repoid="real", start_date="2030-01-01T00:00:00") == []
    assert len(api("get_changesets", repoid="real", start_date="", branch_name="", end=None)) == 5


def test_dates_are_in_the_server_s_zone(api, repository, settings):
    settings.TIME_ZONE = "America/New_York"
    assert api("get_changesets", repoid="real", max_revisions=5)[0]["date"] == "2010-01-01T07:30:00"


def test_pages(api, repository):
    pages = [messages(api("get_changesets", repoid="real", page=page, per_page=2)) for page in (1, 2, 3, 4)]
    assert pages == [["one", "two"], ["side", "three"], ["merge"], []]
    backwards = [api("get_changesets", repoid="real", page=page, per_page=2, reverse=True) for page in (1, 3, 4)]
    assert [messages(page) for page in backwards] == [["merge", "three"], ["one"], []]
    filtered = api("get_changesets", repoid="real", page=2, per_page=2, start=1)
    assert messages(filtered) == ["three", "merge"]


@pytest.mark.parametrize(
    "args",
    [
        {"start": "nosuch"},
        {"end": 9999},
        {"start": []},
        {"start": 1.5},
        {"start": 3, "end": 1},
        {"branch_name": "nosuch"},
        {"start_date": "2010-01-05"},
        {"start_date": "2010-01-05T00:00:00Z"},
        {"max_revisions": -1},
        {"page": 0},
        {"reverse": "perhaps"},
    ],
)
def test_wrong_input_gets_a_clear_error(api, repository, args):
    error = api.error("get_changesets", repoid="real", **args)
    assert error
    assert error != "Internal server error"


def test_an_empty_start_or_end_is_none_in_git_and_wrong_in_mercurial(api, repository, kind):
    ends = [{"start": ""}, {"end": ""}, {"start": "", "end": 2}]
    if kind == "git":
        assert [len(api("get_changesets", repoid="real", **end)) for end in ends] == [5, 5, 3]
    else:
        assert all(api.error("get_changesets", repoid="real", **end) for end in ends)


def test_empty_absent_and_hidden(api, user_api, kind, repositories_root):
    RepositoryFactory(kind=kind, name="empty")
    RepoBuilder(kind).build(repositories_root / "empty")
    RepositoryFactory(name="secret", is_private=True)
    assert api.error("get_changesets", repoid="empty") == "Repository is empty"
    assert api.error("get_changesets", repoid="nosuch") == "repository `nosuch` does not exist"
    assert user_api.error("get_changesets", repoid="secret") == "repository `secret` does not exist"


def test_a_changeset_is_read_from_the_tool_once(api, repository, monkeypatch):
    first = api("get_changesets", repoid="real", with_file_list=True)
    assert StoredChangeset.objects.count() == 5
    monkeypatch.setattr(changesets, "_fill", lambda *args: pytest.fail("asked the tool again"))
    assert api("get_changesets", repoid="real", with_file_list=True) == first
    assert len(api("get_changesets", repoid="real")) == 5


def test_a_fixed_number_of_queries(api, repository, django_assert_max_num_queries):
    api("get_changesets", repoid="real", with_file_list=True)
    with django_assert_max_num_queries(5):
        api("get_changesets", repoid="real", with_file_list=True)
