"""comment_pullrequest: the order of checks and their texts, votes, closing."""

import pytest

from reviews.models import PullRequest
from tests.factories import AdminFactory

VOTE = "No permission to change pull request status. User needs to be admin, owner or reviewer."
CLOSE = "No permission to close pull request. User needs to be admin or owner."
READ = "No permission to add comment. User needs at least reading permissions to the source repository."
CLOSED = "pull request is already closed"


def texts(reviewed):
    return list(reviewed.pull_request.comments.values_list("author__username", "text"))


def test_strangers_may_comment_but_not_vote_or_close(user_api, reviewed):
    number = reviewed.number
    assert user_api("comment_pullrequest", pull_request_id=number, comment_msg="Hello ☃") is True
    assert user_api.error("comment_pullrequest", pull_request_id=number, status="approved") == VOTE
    assert user_api.error("comment_pullrequest", pull_request_id=number, close_pr=True) == CLOSE
    assert user_api.error("comment_pullrequest", pull_request_id=number, status="approved", close_pr=True) == CLOSE
    assert texts(reviewed) == [("olga", ""), ("una", "Hello ☃")]


def test_votes_show_one_row_for_each_changeset(api, reviewed):
    reviewer = api.as_(reviewed.reviewer)
    reviewer("comment_pullrequest", pull_request_id=reviewed.number, status="approved", comment_msg="good")
    api.as_(reviewed.owner)("comment_pullrequest", pull_request_id=reviewed.number, status="rejected")
    api("comment_pullrequest", pull_request_id=reviewed.number, status="not_reviewed")
    found = api("get_pullrequest", pullrequest_id=reviewed.number)
    assert [(row["reviewer"], row["status"]) for row in found["statuses"]] == [
        *[("olga", "under_review")] * 2,
        *[("rita", "approved")] * 2,
        *[("olga", "rejected")] * 2,
        *[("boss", "not_reviewed")] * 2,
    ]
    assert [comment["text"] for comment in found["comments"]] == ["", "good", "", ""]
    assert found["review_status"] == "approved"  # what counts is what the reviewers say


def test_unknown_status_is_refused(api, reviewed):
    assert "nonsense" in api.error("comment_pullrequest", pull_request_id=reviewed.number, status="nonsense")
    assert texts(reviewed) == [("olga", "")]


@pytest.mark.parametrize("arguments", [{}, {"comment_msg": "", "status": None}, {"comment_msg": None}])
def test_nothing_to_say_adds_nothing(api, reviewed, arguments):
    assert api("comment_pullrequest", pull_request_id=reviewed.number, **arguments) is True
    assert texts(reviewed) == [("olga", "")]


@pytest.mark.parametrize("value", [5, ["a"], True])
def test_the_text_must_be_text(api, reviewed, value):
    assert "must be text" in api.error("comment_pullrequest", pull_request_id=reviewed.number, comment_msg=value)


def test_an_empty_status_is_none(user_api, reviewed):
    assert user_api("comment_pullrequest", pull_request_id=reviewed.number, comment_msg="x", status="") is True


def test_closing_with_a_vote_and_after_it(api, user_api, reviewed):
    number, owner = reviewed.number, api.as_(reviewed.owner)
    owner("comment_pullrequest", pull_request_id=number, close_pr=True, comment_msg="Closing", status="approved")
    found = api("get_pullrequest", pullrequest_id=number)
    assert (found["status"], found["merged"]) == ("closed", False)
    assert found["comments"][-1]["text"] == "Closing"
    assert [row["status"] for row in found["statuses"]][-2:] == ["approved", "approved"]
    assert user_api.error("comment_pullrequest", pull_request_id=number, comment_msg="late") == CLOSED
    assert user_api.error("comment_pullrequest", pull_request_id=number, status="approved") == VOTE
    assert user_api.error("comment_pullrequest", pull_request_id=number, close_pr=True) == CLOSE
    assert api.error("comment_pullrequest", pull_request_id=number, status="rejected") == CLOSED
    assert api.error("comment_pullrequest", pull_request_id=number, status="nonsense") == CLOSED
    assert api.error("comment_pullrequest", pull_request_id=number, comment_msg=5) == CLOSED
    assert api.error("comment_pullrequest", pull_request_id=number, close_pr=True) == CLOSED


def test_closing_without_words(api, reviewed):
    assert api("comment_pullrequest", pull_request_id=reviewed.number, close_pr=True) is True
    assert texts(reviewed) == [("olga", ""), ("boss", "")]


def test_without_the_right_to_read(user_api, api, reviewed):
    reviewed.repository.is_private = True
    reviewed.repository.save()
    for caller in (user_api, api.as_(reviewed.reviewer)):
        assert caller.error("comment_pullrequest", pull_request_id=reviewed.number, comment_msg="x") == READ
    assert user_api.error("comment_pullrequest", pull_request_id=999999, comment_msg="x") == (
        "pull request `999999` does not exist"
    )


def test_arguments(api, reviewed):
    missing = "Missing non optional `pull_request_id` arg in JSON DATA"
    assert api.error("comment_pullrequest", pullrequest_id=reviewed.number, comment_msg="x") == missing
    assert api.error("comment_pullrequest", pull_request_id=1, text="x") == "Unknown `text` arg in JSON DATA"


def test_a_read_only_key_may_not_speak(api, reviewed):
    from accounts.permissions import Level
    from tests.factories import ApiKeyFactory

    key = ApiKeyFactory(user=AdminFactory(), level=Level.READ)
    assert "read-only" in api.as_(key).error("comment_pullrequest", pull_request_id=reviewed.number, comment_msg="x")
    assert PullRequest.objects.get().comments.count() == 1
