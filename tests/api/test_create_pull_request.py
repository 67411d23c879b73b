"""create_pull_request."""

import pytest

from reviews.models import PullRequest


def arguments(reviewed, **more):
    return {
        "source_repo": "code",
        "target_repo": reviewed.repository.pk,
        "source_ref": "branch:feature",
        "target_ref": f"branch:{reviewed.trunk}",
        "title": "Again",
    } | more


def test_for_somebody_else_with_reviewers_and_a_hash(api, reviewed):
    made = api(
        "create_pull_request",
        **arguments(
            reviewed,
            source_ref="branch:feature:" + reviewed.ids["one"],
            description="  spaces around\n",
            owner="olga",
            reviewers=["rita", {"username": "boss"}],
        ),
    )
    assert made["msg"] == "Created new pull request `Again`"
    found = made["pull_request"]
    assert made["pull_request_id"] == found["pull_request_id"]
    assert found["revisions"] == [reviewed.ids["one"]]
    assert (found["owner"], found["description"]) == ("olga", "spaces around")
    assert [row["username"] for row in found["reviewers"]] == ["rita", "boss"]


def test_regular_users_open_their_own(user_api, reviewed):
    made = user_api("create_pull_request", **arguments(reviewed, title=""))
    assert made["pull_request"]["owner"] == "una"
    assert made["pull_request"]["title"] == f"feature → code {reviewed.trunk}"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"owner": "olga"}, "Only Kallithea admin can specify `owner` param"),
        ({"source_repo": "nosuch"}, "repository `nosuch` does not exist"),
        ({"source_ref": "branch:nosuch"}, "branch `nosuch` does not exist"),
        ({"target_ref": "branch:nosuch"}, "branch `nosuch` does not exist"),
        ({"source_ref": "nonsense"}, "must be branch:NAME"),
        ({"source_ref": "branch:--output=x"}, "branch `--output=x` does not exist"),
        ({"target_ref": "tag:v1"}, "must be a branch"),
        ({"reviewers": ["nosuch"]}, "user `nosuch` does not exist"),
    ],
)
def test_errors(user_api, reviewed, change, text):
    assert text in user_api.error("create_pull_request", **arguments(reviewed, **change))
    assert PullRequest.objects.count() == 1


def test_private_repositories_do_not_exist_for_others(user_api, reviewed):
    reviewed.repository.is_private = True
    reviewed.repository.save()
    error = user_api.error("create_pull_request", **arguments(reviewed))
    assert error == f"repository `{reviewed.repository.pk}` does not exist" or "repository `code`" in error
