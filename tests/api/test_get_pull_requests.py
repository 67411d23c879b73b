"""get_pull_requests."""

from tests.factories import RepositoryFactory


def numbers(rows):
    return [row["pull_request_id"] for row in rows]


def test_by_status_and_visibility(api, user_api, reviewed):
    assert numbers(user_api("get_pull_requests", repoid="code")) == [reviewed.number]
    assert user_api("get_pull_requests", repoid="code", status="merged") == []
    api("merge_pull_request", pullrequestid=reviewed.number)
    assert user_api("get_pull_requests", repoid="code") == []
    assert numbers(user_api("get_pull_requests", repoid="code", status="merged")) == [reviewed.number]
    pull_request = reviewed.fresh()
    pull_request.origin = RepositoryFactory(kind=reviewed.repository.kind, is_private=True)
    pull_request.save()
    assert user_api("get_pull_requests", repoid="code", status="all") == []
    assert numbers(api("get_pull_requests", repoid="code", status="all")) == [reviewed.number]


def test_errors(user_api, reviewed):
    assert "does not exist" in user_api.error("get_pull_requests", repoid="nosuch")
    assert "must be one of" in user_api.error("get_pull_requests", repoid="code", status="x")
