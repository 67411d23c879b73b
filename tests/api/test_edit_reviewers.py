"""edit_reviewers, as recorded."""

from reviews.models import PullRequest
from tests.factories import UserFactory

NOBODY = {"added": [], "already_present": [], "removed": []}


def test_add_and_remove(api, reviewed):
    number = reviewed.number
    UserFactory(username="r1"), UserFactory(username="r2")
    assert api("edit_reviewers", pull_request_id=number, add="r1") == NOBODY | {"added": ["r1"]}
    both = api("edit_reviewers", pull_request_id=number, add=["r1", "r2"])
    assert both == NOBODY | {"added": ["r2"], "already_present": ["r1"]}
    assert api("edit_reviewers", pull_request_id=number, remove="r1") == NOBODY | {"removed": ["r1"]}
    # Who was none is named all the same (recorded).
    assert api("edit_reviewers", pull_request_id=number, remove=["r1", "r2"])["removed"] == ["r1", "r2"]
    assert api("edit_reviewers", pull_request_id=number, add=[], remove=[]) == NOBODY
    swapped = api("edit_reviewers", pull_request_id=number, add="r2", remove="rita")
    assert swapped == {"added": ["r2"], "already_present": [], "removed": ["rita"]}
    assert [user.username for user in PullRequest.objects.get().reviewers.all()] == ["r2"]


def test_who_may(api, user_api, reviewed):
    refused = "No permission to edit reviewers of this pull request. User needs to be admin or pull request owner."
    for caller in (user_api, api.as_(reviewed.reviewer)):
        assert caller.error("edit_reviewers", pull_request_id=reviewed.number, add="una") == refused
    for caller in (api, api.as_(reviewed.owner), api.as_(reviewed.repository.owner)):
        assert caller("edit_reviewers", pull_request_id=reviewed.number, add=reviewed.reviewer.pk)


def test_errors(api, reviewed):
    number = reviewed.number
    neither = "Invalid request. Neither 'add' nor 'remove' is specified."
    assert api.error("edit_reviewers", pull_request_id=number) == neither
    assert api.error("edit_reviewers", pull_request_id=999999, add="x") == "pull request `999999` does not exist"
    missing = "user `nosuch` does not exist"
    assert api.error("edit_reviewers", pull_request_id=number, add=["boss", "nosuch"]) == missing
    assert "cannot be a reviewer" in api.error("edit_reviewers", pull_request_id=number, add="default")
    assert [user.username for user in PullRequest.objects.get().reviewers.all()] == ["rita"]
    api("comment_pullrequest", pull_request_id=number, close_pr=True)
    closed = "Cannot edit reviewers of a closed pull request."
    assert api.error("edit_reviewers", pull_request_id=number, add="boss") == closed
