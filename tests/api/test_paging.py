"""``page`` and ``per_page``: parts of what is answered without them, in the same order."""

import pytest

from accounts.permissions import Level
from tests.factories import RepositoryFactory, UserFactory, UserGroupFactory

METHODS = ("get_repos", "get_users", "get_user_groups")


@pytest.fixture
def many(db):
    for name in ("b", "C", "a", "e", "d"):
        UserFactory(username=name)
        UserGroupFactory(name=name)
    parent = RepositoryFactory(name="z")
    for name in ("b", "C", "a", "e"):
        RepositoryFactory(name=name, fork_of=parent)


@pytest.mark.parametrize("method", METHODS)
def test_all_pages_together_are_the_whole(api, many, method):
    whole = api(method)
    assert len(whole) >= 5
    pages = [api(method, page=page, per_page=2) for page in range(1, len(whole) // 2 + 3)]
    assert [row for page in pages for row in page] == whole
    assert [len(page) for page in pages[:2]] == [2, 2]
    assert pages[-1] == []
    assert api(method, page=1) == api(method, per_page=100) == whole
    assert api(method, page=2**60, per_page="10000") == []


def test_pull_requests(api, reviewed):
    [row] = api("get_pull_requests", repoid="code", page=1, per_page=1)
    assert row["pull_request_id"] == reviewed.number
    assert api("get_pull_requests", repoid="code", page=2, per_page=1) == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrong", [{"page": 0}, {"page": -1}, {"per_page": 0}, {"per_page": "x"}, {"per_page": 10001}])
def test_what_is_no_page(api, db, method, wrong):
    [name] = wrong
    assert api.error(method, **wrong).startswith(f"Invalid `{name}` arg in JSON DATA: must be ")


def test_pages_hold_what_is_visible(user_api):
    RepositoryFactory(name="a", is_private=True)
    RepositoryFactory(name="b")
    RepositoryFactory(name="c", fork_of=RepositoryFactory(name="hidden", everybody=Level.NONE))
    [row] = user_api("get_repos", page=2, per_page=1)
    assert (row["repo_name"], row["fork_of"]) == ("c", None)


@pytest.mark.parametrize("method", METHODS)
def test_a_page_costs_no_query_a_row(api, many, method, django_assert_max_num_queries):
    api(method, per_page=4)
    with django_assert_max_num_queries(8):
        api(method, per_page=4)
