"""get_repo: everything about one repository, in a fixed number of queries."""

import pytest

from accounts.permissions import Level
from repos.models import ExtraField, Follower, Repository
from tests.factories import RepositoryFactory, UserFactory, UserGroupFactory, grant


def test_an_empty_repository(api, admin):
    repository = RepositoryFactory(name="one", owner=admin, description="One")
    answer = api("get_repo", repoid="one")
    created = answer.pop("created_on")
    assert created.startswith(f"{repository.created_on:%Y-%m-%dT}")
    assert (
        answer["members"][0].items()
        >= {
            "name": "default",
            "type": "user",
            "permission": "repository.read",
            "username": "default",
            "api_key": None,
        }.items()
    )
    assert {key: value for key, value in answer.items() if key != "members"} == {
        "repo_id": repository.pk,
        "repo_name": "one",
        "repo_type": "hg",
        "clone_uri": None,
        "private": False,
        "description": "One",
        "landing_rev": ["rev", "tip"],
        "owner": "boss",
        "fork_of": None,
        "enable_statistics": False,
        "enable_downloads": False,
        "archived": False,
        "protected_branches": [],
        "max_file_size": None,
        "state": "repo_state_created",
        "last_changeset": {
            "short_id": "0" * 12,
            "raw_id": "0" * 40,
            "revision": -1,
            "message": "",
            "date": "1970-01-01T00:00:00",
            "author": "",
        },
        "followers": [],
    }


def test_what_is_on_disk(api, put, kind):
    ids = put("one", "first", "second")
    RepositoryFactory(name="one", kind=kind)
    answer = api("get_repo", repoid="one", with_revision_names=True)
    newline = "\n" if kind == "git" else ""
    assert answer["last_changeset"] == {
        "short_id": ids[1][:12],
        "raw_id": ids[1],
        "revision": 1,
        "message": f"second{newline}",
        "date": "2010-01-02T12:30:00",
        "author": "Alice Example <alice@example.com>",
    }
    assert answer["branches"] == {("default" if kind == "hg" else "main"): ids[1]}
    assert answer["tags"] == ({"tip": ids[1]} if kind == "hg" else {})
    assert answer["bookmarks"] == {}


def test_by_number(api):
    repository = RepositoryFactory(name="one")
    for repoid in (repository.pk, str(repository.pk)):
        assert api("get_repo", repoid=repoid)["repo_name"] == "one"


@pytest.mark.parametrize("repoid", ["missing", 999999, "999999", "", "one/", "/one", "ONE", None, 2**70])
def test_unknown(api, repoid):
    RepositoryFactory(name="one")
    assert api.error("get_repo", repoid=repoid) == f"repository `{repoid}` does not exist"


def test_hidden_is_absent(user_api, user):
    """K10: byte for byte."""
    hidden = RepositoryFactory(name="hidden", is_private=True)
    assert user_api.error("get_repo", repoid="hidden") == "repository `hidden` does not exist"
    assert user_api.error("get_repo", repoid=hidden.pk) == f"repository `{hidden.pk}` does not exist"
    grant(hidden, user, Level.READ)
    assert user_api("get_repo", repoid="hidden")["private"] is True


def test_a_hidden_parent_is_not_named(api, user_api):
    hidden = RepositoryFactory(name="hidden", is_private=True)
    RepositoryFactory(name="fork", fork_of=hidden)
    assert api("get_repo", repoid="fork")["fork_of"] == "hidden"
    assert user_api("get_repo", repoid="fork")["fork_of"] is None


def test_secrets_are_for_administrators_and_their_owner(api, user_api, user):
    repository = RepositoryFactory(name="one", clone_uri="http://me:secret@example.com/x")
    other = UserFactory(username="other")
    for person in (user, other):
        grant(repository, person, Level.WRITE)
        Follower.objects.create(user=person, repository=repository)
    for caller, shown in [(api, {"una", "other"}), (user_api, {"una"})]:
        answer = caller("get_repo", repoid="one")
        assert answer["clone_uri"] == "http://***@example.com/x"
        for key in ("members", "followers"):
            assert {person["username"] for person in answer[key] if person["api_key"]} == shown


def test_members_and_extra_fields(api):
    repository = RepositoryFactory(name="one")
    grant(repository, UserGroupFactory(name="people"), Level.WRITE)
    ExtraField.objects.create(repository=repository, key="contact", label="Contact", value="me")
    answer = api("get_repo", repoid="one")
    assert answer["ex_contact"] == "me"
    group = answer["members"][1]
    assert group.pop("id")
    assert group == {"name": "people", "type": "user_group", "permission": "repository.write", "active": True}


def test_queries_do_not_grow(api, django_assert_max_num_queries):
    repository = RepositoryFactory(name="one")
    for _ in range(10):
        person = UserFactory()
        grant(repository, person, Level.READ)
        Follower.objects.create(user=person, repository=repository)
    with django_assert_max_num_queries(16):
        assert len(api("get_repo", repoid="one", with_pullrequests=True)["members"]) == 11


def test_a_missing_folder_is_no_error(api):
    Repository.objects.filter(pk=RepositoryFactory(name="lost").pk).update(last_changeset={})
    answer = api("get_repo", repoid="lost", with_revision_names=True)
    assert (answer["tags"], answer["branches"], answer["bookmarks"]) == ({}, {}, {})
