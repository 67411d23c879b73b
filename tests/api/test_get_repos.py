"""get_repos: what one can see, in a fixed number of queries, streamed."""

from accounts.permissions import Level
from repos.models import ExtraField
from tests.factories import ApiKeyFactory, RepositoryFactory, grant


def names(answer):
    return [repository["repo_name"] for repository in answer]


def test_only_what_one_can_see(api, user_api, user):
    RepositoryFactory(name="public")
    RepositoryFactory(name="own", is_private=True, owner=user)
    given = RepositoryFactory(name="given", is_private=True)
    grant(given, user, Level.READ)
    RepositoryFactory(name="hidden", is_private=True)
    RepositoryFactory(name="none", everybody=Level.NONE)
    assert names(api("get_repos")) == ["given", "hidden", "none", "own", "public"]
    assert names(user_api("get_repos")) == ["given", "own", "public"]


def test_nobody_sees_anything_on_an_empty_site(api):
    assert api("get_repos") == []


def test_rows_are_those_of_get_repo(api):
    repository = RepositoryFactory(name="one", description="One", clone_uri="http://me:secret@example.com/x")
    RepositoryFactory(name="fork", fork_of=repository, last_changeset=NEWEST)
    ExtraField.objects.create(repository=repository, key="contact", label="Contact", value="me")
    rows = api("get_repos")
    for row in rows:
        single = api("get_repo", repoid=row["repo_id"])
        for only_there in ("members", "followers", "archived", "protected_branches", "max_file_size"):
            del single[only_there]
        assert row == single
    assert rows[0]["fork_of"] == "one"
    assert rows[0]["last_changeset"]["date"] == "2010-01-02T12:30:00"
    assert rows[1]["clone_uri"] == "http://***@example.com/x"
    assert rows[1]["ex_contact"] == "me"


NEWEST = {
    "raw_id": "1" * 40,
    "short_id": "1" * 12,
    "revision": 0,
    "message": "first",
    "author": "Alice <alice@example.com>",
    "date": 1262435400,
}


def test_a_hidden_parent_is_not_named(user_api):
    RepositoryFactory(name="fork", fork_of=RepositoryFactory(name="hidden", is_private=True))
    assert user_api("get_repos")[0]["fork_of"] is None


def test_a_key_bound_to_one_repository(api, admin):
    RepositoryFactory(name="one")
    two = RepositoryFactory(name="two")
    assert names(api.as_(ApiKeyFactory(user=admin, repository_id=two.pk))("get_repos")) == ["two"]


def test_many_in_pieces_without_a_query_each(user_api, django_assert_max_num_queries):
    expected = sorted(RepositoryFactory(name=f"r{number}").name for number in range(1001))
    with django_assert_max_num_queries(8):
        assert names(user_api("get_repos")) == expected
