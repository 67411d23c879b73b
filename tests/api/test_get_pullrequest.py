"""get_pullrequest: the recorded shape, one query count for any size, hidden equals absent."""

import pytest

from reviews.models import PullRequest
from tests.factories import RepositoryFactory, actor


def test_shape(api, reviewed):
    found = api("get_pullrequest", pullrequest_id=reviewed.number)
    created = found["created_on"]
    assert len(created) == len("2026-11-23T11:19:49")
    vote = {"status": "under_review", "modified_at": created, "reviewer": "olga"}
    assert found["statuses"] == [vote, vote]
    recorded = {
        "pull_request_id": reviewed.number,
        "url": f"/code/pull-request/{reviewed.number}/_/feature",
        "reviewers": [{"username": "rita", "user": {"username": "rita"}, "review_status": "not_reviewed"}],
        "revisions": reviewed.revisions,
        "owner": "olga",
        "title": "A ☃ feature",
        "description": "No description",
        "org_repo_url": "http://testserver/code",
        "org_ref_parts": ["branch", "feature", reviewed.ids["two"]],
        "other_ref_parts": ["branch", reviewed.trunk, reviewed.ids["base"]],
        "status": "new",
        "comments": [{"comment_id": reviewed.pull_request.comments.get().pk, "username": "olga", "text": ""}],
        "created_on": created,
        "updated_on": created,
    }
    assert recorded.items() <= found.items()
    assert found["review_status"] == "under_review"


@pytest.mark.parametrize("number", [999999, "999999", "nosuch", "", None, -1, 0, True, 1.5, [1, 2], "²"])
def test_unknown(api, reviewed, number):
    assert api.error("get_pullrequest", pullrequest_id=number) == f"pull request `{number}` does not exist"


def test_number_as_text_and_as_a_list_of_one(api, reviewed):
    for number in (str(reviewed.number), [reviewed.number]):
        assert api("get_pullrequest", pullrequest_id=number)["pull_request_id"] == reviewed.number


def test_source_and_target_must_be_readable(user_api, reviewed):
    assert user_api("get_pullrequest", pullrequest_id=reviewed.number)
    for side in ("origin", "target"):
        hidden = RepositoryFactory(kind=reviewed.repository.kind, is_private=True)
        PullRequest.objects.filter(pk=reviewed.number).update(**{side: hidden})
        expected = f"pull request `{reviewed.number}` does not exist"
        assert user_api.error("get_pullrequest", pullrequest_id=reviewed.number) == expected
        PullRequest.objects.filter(pk=reviewed.number).update(**{side: reviewed.repository})


def test_equal_branch_names_put_the_title_into_the_url(reviewed):
    pull_request = reviewed.pull_request
    pull_request.target_name = pull_request.origin_name
    pull_request.title = "Title & <more>/ünï 100%?"
    assert pull_request.get_absolute_url() == f"/code/pull-request/{pull_request.pk}/_/Title_more_/_n_100"


def test_argument_of_the_other_method(api, reviewed):
    error = "Missing non optional `pullrequest_id` arg in JSON DATA"
    assert api.error("get_pullrequest", pull_request_id=reviewed.number) == error


def test_serializing_costs_no_query(reviewed, django_assert_num_queries):
    from api.serializers_reviews import pull_request_data, whole
    from reviews.services.comments import respond

    for _ in range(3):
        respond(actor=actor(reviewed.reviewer), pull_request=reviewed.pull_request, text="x", status="approved")
    with django_assert_num_queries(5):
        rows = list(whole(PullRequest.objects.all()))
    with django_assert_num_queries(0):
        assert pull_request_data(rows[0], "")["review_status"] == "approved"
