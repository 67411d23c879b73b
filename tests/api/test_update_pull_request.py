"""update_pull_request."""


def test_new_iteration(api, reviewed):
    owner = api.as_(reviewed.owner)
    before = reviewed.revisions
    assert "nothing has changed" in owner.error(
        "update_pull_request", pullrequestid=reviewed.number, update_commits=True
    )
    third = reviewed.push()
    done = owner("update_pull_request", pullrequestid=reviewed.number, update_commits=True, comment="more")
    assert done["updated_commits"] == {"added": [third], "common": before, "removed": []}
    assert done["pull_request"]["iteration"] == 2
    assert done["pull_request"]["revisions"] == [*before, third]
    assert done["pull_request"]["comments"][-1]["text"] == "more"


def test_words_and_reviewers(api, reviewed):
    done = api(
        "update_pull_request",
        pull_request_id=reviewed.number,
        repoid="code",
        title="New title",
        description="Why",
        reviewers=["boss"],
    )
    found = done["pull_request"]
    assert (found["title"], found["description"]) == ("New title", "Why")
    assert done["updated_reviewers"] == {"added": ["boss"], "removed": ["rita"]}
    assert found["iteration"] == 1


def test_who_may(user_api, reviewed):
    assert "Only the owner" in user_api.error("update_pull_request", pullrequestid=reviewed.number, title="x")
