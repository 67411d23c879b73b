"""Which repository an address means, and that what is hidden looks like what is absent."""

from __future__ import annotations

import pytest

from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserFactory, key_of
from tests.repo_builder import RepoBuilder, sample


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def bearer(user) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_of(user)}"}


def builder(text: str) -> RepoBuilder:
    made = RepoBuilder("git")
    made.commit("one", {"a.txt": text})
    return made


def test_the_longest_name_wins(client, make_repository):
    make_repository(builder("short\n"), "team/a")
    make_repository(builder("long\n"), "team/a/raw/tip")
    assert body(client.get("/team/a/raw/tip/raw/tip/a.txt")) == b"long\n"
    assert client.get("/team/a/raw/HEAD/a.txt").status_code == 200


def test_the_case_of_a_name_matters(client, make_repository):
    make_repository(builder("one\n"), "Größe/Project")
    make_repository(builder("two\n"), "Größe/project")
    assert body(client.get("/Größe/Project/raw/tip/a.txt")) == b"one\n"
    assert body(client.get("/Größe/project/raw/tip/a.txt")) == b"two\n"
    assert client.get("/größe/project/raw/tip/a.txt").status_code == 302


def test_an_address_by_number_outlives_a_rename(client, project):
    repository, ids = project
    by_name = body(client.get(f"/{repository.name}/changeset-diff/{ids['Initial import']}"))
    assert by_name.startswith(b"diff --git a/README b/README")
    assert body(client.get(f"/_{repository.pk}/changeset-diff/{ids['Initial import']}")) == by_name


@pytest.mark.parametrize("rest", ["", "/changelog", "/raw/tip/README", "/settings", "/pull-request/1", "/nonsense"])
def test_hidden_equals_absent(client, make_repository, rest):
    hidden, _ = make_repository(sample("git"), "secret", is_private=True)
    stranger = UserFactory()
    seen = client.get(f"/secret{rest}", headers=bearer(stranger))
    absent = client.get(f"/nosuch{rest}", headers=bearer(stranger))
    assert seen.status_code == absent.status_code == 404
    assert body(seen) == body(absent)
    assert sorted(seen.headers.items()) == sorted(absent.headers.items())
    by_number = client.get(f"/_{hidden.pk}{rest}", headers=bearer(stranger))
    assert (by_number.status_code, body(by_number)) == (404, body(absent))


def test_the_anonymous_are_asked_to_sign_in_for_both(client, make_repository):
    make_repository(sample("git"), "secret", is_private=True)
    for name in ("secret", "nosuch"):
        response = client.get(f"/{name}/raw/tip/README?a=b&api_key=", headers={})
        assert response.status_code == 403  # an empty key is a wrong key
        response = client.get(f"/{name}/raw/tip/README?a=b")
        assert response.status_code == 302
        assert (
            response["Location"] == f"http://testserver/_admin/login?came_from=%2F{name}%2Fraw%2Ftip%2FREADME%3Fa%3Db"
        )


def test_the_owner_of_a_private_repository_gets_it(client, make_repository):
    owner = UserFactory()
    make_repository(sample("git"), "secret", is_private=True, owner=owner)
    assert client.get("/secret/raw/tip/README", headers=bearer(owner)).status_code == 200
    assert client.get(f"/secret/raw/tip/README?api_key={key_of(owner)}").status_code == 200


def test_an_answer_for_a_key_in_the_address_names_no_referrer(client, project):
    repository, _ = project
    user = UserFactory()
    for path in ("", "/raw/tip/README", "/changelog"):
        response = client.get(f"/{repository.name}{path}?api_key={key_of(user)}")
        assert response["Referrer-Policy"] == "no-referrer"
        assert key_of(user).encode() not in body(response)


def test_settings_need_admin_of_the_repository(client, project):
    repository, _ = project
    assert client.get(f"/{repository.name}/settings", headers=bearer(UserFactory())).status_code == 403
    assert client.get(f"/{repository.name}/settings").status_code == 302
    assert client.get(f"/{repository.name}/settings", headers=bearer(repository.owner)).status_code == 200


@pytest.mark.django_db
def test_a_group_has_a_page_and_a_hidden_one_has_none(client):
    group = RepositoryGroupFactory(name="team")
    RepositoryFactory(name="team/inside", group=group)
    assert b"team/inside" in client.get("/team").content
    RepositoryGroupFactory(name="dark", everybody=0)
    assert client.get("/dark").status_code == 302
    assert client.get("/dark", headers=bearer(UserFactory())).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/_nosuch/page", "/_99999999999999999999/x"])
def test_names_below_an_underscore_are_the_sites_own(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/%00/x", "/%ff%fe/raw/tip/x", "/" + "a/" * 500, "/" + "x" * 5000])
def test_odd_addresses_are_absent(client, path):
    assert client.get(path).status_code == 302


def test_odd_revisions_are_absent(client, project):
    repository, _ = project
    for revision in ("--output=x", "-u", "tip:0", "all()", "HEAD~1", "a..b", "%00", "x" * 3000, "../../etc/passwd"):
        for view in ("changeset-diff", "raw", "files", "changeset", "archive"):
            response = client.get(f"/{repository.name}/{view}/{revision}/x.zip")
            assert response.status_code == 404, (view, revision)


def test_a_form_without_its_token_is_refused(project):
    from django.test import Client

    repository, _ = project
    client = Client(enforce_csrf_checks=True)
    client.force_login(repository.owner)
    assert client.post(f"/{repository.name}/follow").status_code == 403
    assert client.post(f"/{repository.name}/follow", headers=bearer(repository.owner)).status_code == 302
