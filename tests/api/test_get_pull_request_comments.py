"""get_pull_request_comments."""

from reviews.models import Comment, PullRequest
from tests.factories import RepositoryFactory


def test_a_line_that_a_new_iteration_moved(api, reviewed):
    number = reviewed.number
    api("comment_pull_request", pullrequestid=number, message="here", path="b.txt", line="n1")
    reviewed.push()
    api("update_pull_request", pullrequestid=number, update_commits=True)
    _, comment, second = api("get_pull_request_comments", pullrequestid=number)
    assert (comment["iteration"], comment["outdated"], comment["current_line"]) == (1, False, 1)
    assert (comment["comment_author"], comment["comment_text"]) == ({"username": "boss"}, "here")
    assert (second["iteration"], second["comment_status"]) == (2, "under_review")


def test_what_was_deleted_and_who_is_gone(api, reviewed):
    talker = api("create_user", username="gone", email="gone@example.com")["user"]["user_id"]
    said = api("comment_pull_request", pullrequestid=reviewed.number, message="x")["comment_id"]
    Comment.objects.filter(pk=said).update(author=talker)
    assert api("delete_user", userid="gone")["user"] is None
    assert api("get_pull_request_comments", pullrequestid=reviewed.number)[-1]["comment_author"]["username"] is None
    assert api("get_pullrequest", pullrequest_id=reviewed.number)["comments"][-1]["username"] is None


def test_hidden_equals_absent(user_api, reviewed):
    hidden = RepositoryFactory(kind=reviewed.repository.kind, is_private=True)
    PullRequest.objects.update(origin=hidden)
    error = user_api.error("get_pull_request_comments", pullrequestid=reviewed.number)
    assert error == f"pull request `{reviewed.number}` does not exist"
