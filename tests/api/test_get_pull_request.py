"""get_pull_request."""


def test_the_repository_must_be_the_target(api, reviewed):
    from tests.factories import RepositoryFactory

    other = RepositoryFactory()
    assert api("get_pull_request", pullrequestid=reviewed.number, repoid="code")["title"] == "A ☃ feature"
    error = api.error("get_pull_request", pullrequestid=reviewed.number, repoid=other.name)
    assert error == f"pull request `{reviewed.number}` does not exist"


def test_what_clients_of_rhodecode_look_for(api, reviewed):
    from reviews.services import comments
    from tests.factories import actor

    comments.respond(actor=actor(reviewed.reviewer), pull_request=reviewed.pull_request, status="approved")
    found = api("get_pull_request", pullrequestid=reviewed.number)
    side = {"clone_url": "http://testserver/code", "repository": "code"}
    assert found["author"] == {"username": "olga"}
    assert found["commit_ids"] == reviewed.revisions
    assert found["versions"] == [1]
    assert found["source"] == side | {
        "reference": {"type": "branch", "name": "feature", "commit_id": reviewed.ids["two"]}
    }
    assert found["target"]["reference"]["name"] == reviewed.trunk
    assert found["reviewers"] == [{"username": "rita", "user": {"username": "rita"}, "review_status": "approved"}]
    assert found["mergeable"]["status"] is True


def test_a_target_that_cannot_be_read_is_a_reason_not_to_merge(api, reviewed):
    reviewed.repository.vcs.close()
    reviewed.repository.path.rename(reviewed.repository.path.with_name("moved away"))
    found = api("get_pull_request", pullrequestid=reviewed.number)
    assert found["title"] == "A ☃ feature"
    assert found["mergeable"]["possible"] is False
    assert found["mergeable"]["problem"]
