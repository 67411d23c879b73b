"""merge_pull_request."""

from accounts.permissions import Level
from repos.vcs.types import FileWrite
from tests.api.reviewing import DORA
from tests.factories import grant


def test_merge(api, user, user_api, reviewed):
    number = reviewed.number
    refused = "Merging needs write permission on the target repository."
    assert user_api.error("merge_pull_request", pullrequestid=number) == refused
    grant(reviewed.repository, user, Level.WRITE)
    assert user_api("get_pull_request", pullrequestid=number)["mergeable"]["possible"] is True
    done = user_api("merge_pull_request", pullrequestid=number, repoid="code", message="Merged by hand")
    assert done["executed"] is True
    merged = reviewed.repository.vcs.changeset(done["merge_commit_id"])
    assert merged.message.strip() == "Merged by hand"
    assert merged.parents == (reviewed.ids["base"], reviewed.ids["two"])
    found = api("get_pullrequest", pullrequest_id=number)
    assert (found["status"], found["merged"], found["merge_commit_id"]) == ("closed", True, merged.raw_id)
    assert user_api.error("merge_pull_request", pullrequestid=number) == "pull request is already closed"


def test_conflict_changes_nothing(api, reviewed):
    repository = reviewed.repository
    repository.vcs.commit(
        [FileWrite("a.txt", b"1\nzwei\n3\n")],
        message="theirs",
        author=DORA,
        branch=reviewed.trunk,
        parent=reviewed.ids["base"],
    )
    refs = repository.vcs.refs()
    assert api.error("merge_pull_request", pullrequestid=reviewed.number) == "conflict in a.txt"
    assert api("get_pull_request", pullrequestid=reviewed.number)["mergeable"]["conflicts"] == ["a.txt"]
    assert repository.vcs.refs() == refs
    assert api("get_pullrequest", pullrequest_id=reviewed.number)["status"] == "new"


def test_only_the_iteration_that_was_looked_at(api, reviewed):
    reviewed.push()
    api("update_pull_request", pullrequestid=reviewed.number, update_commits=True)
    assert "newer iteration" in api.error("merge_pull_request", pullrequestid=reviewed.number, iteration=1)
    assert api("merge_pull_request", pullrequestid=reviewed.number, iteration=2)["executed"] is True
