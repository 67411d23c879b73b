"""Rules that hold for every address of the site, whichever app answers it: found by walking the URL configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from repos.models import Repository
from tests.factories import AdminFactory, RepositoryFactory, UserFactory
from tests.repo_builder import RepoBuilder

pytestmark = pytest.mark.django_db

#: Without a token on purpose: the choice of a language is on error pages too.
NO_FORM = {"_admin/language"}
LEAVES = {"_admin/logout"}
#: Only for administrators.
PANEL = re.compile("_admin/(accounts|repos|reviews|search|autocomplete|jsi18n)/|_admin/$")
#: What the parts of addresses stand for.
PARTS = {"int": "1", "slug": "x", "str": "x", "path": "x", "rest": "x"}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """An example of every address; parts of regular expressions by hand."""
    for pattern in patterns:
        text = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, text)
            continue
        text = re.sub(r"<(?:(\w+):)?\w+>", lambda match: PARTS[match[1] or "str"], text)
        text = re.sub(r"\(\?P<raw_id>[^)]*\)", "0" * 40, text).replace("(?P<action>[a-z-]+)", "comment")
        text = re.sub(r"\(\?P<\w+>(\w+)[^)]*\)", r"\1", text)
        if not set("^$(?[\\") & set(text := text.replace("^", "").replace("$", "")):
            yield text


def site_addresses() -> list[str]:
    return sorted(set(addresses(get_resolver().url_patterns)))


def repository_addresses() -> list[str]:
    return sorted(set(addresses(get_resolver(settings.REPOSITORY_URLCONF).url_patterns)))


@pytest.fixture
def repository(repositories_root):
    builder = RepoBuilder("git")
    builder.commit("one", {"a.txt": "1\n"})
    builder.build(repositories_root / "code")
    made = RepositoryFactory(name="code", kind="git", owner=AdminFactory())
    yield made
    made.vcs.close()


def test_the_walk_finds_them():
    assert len(site_addresses()) > 100
    assert {"_admin/login", "_admin/accounts/user/add/", "_admin/my_account/api_keys/reset"} <= set(site_addresses())
    assert {"settings/danger", "pull-request/1/do/x", "follow"} <= set(repository_addresses())


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_no_form_is_taken_without_its_token(repository):
    """A session alone, which another site can make a browser send, changes nothing."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(repository.owner)
    for path in (*site_addresses(), *(f"code/{rest}" for rest in repository_addresses())):
        if path not in NO_FORM:
            assert client.post(f"/{path}", {"x": "y"}).status_code == 403, path


def test_hidden_equals_absent_at_every_address(client, repository):
    """For a stranger; only the name that was asked for may differ."""
    Repository.objects.update(is_private=True)
    client.force_login(UserFactory())
    for rest in repository_addresses():
        for ask in (client.get, client.post) if rest in ("", "follow", "pull-request/1/do/x") else (client.get,):
            hidden, absent = ask(f"/code/{rest}"), ask(f"/edoc/{rest}")
            assert hidden.status_code == absent.status_code == 404, rest
            assert body(hidden).replace(b"code", b"edoc") == body(absent), rest
            assert hidden.headers == absent.headers, rest


def test_the_panel_is_for_administrators(client):
    client.force_login(UserFactory())
    for path in filter(PANEL.match, site_addresses()):
        assert client.get(f"/{path}").status_code == 403, path
        assert Client().get(f"/{path}").status_code == 302, path


@pytest.mark.parametrize("who", ["visitor", "administrator"])
def test_every_answer_keeps_the_browser_and_the_password_of_the_source(client, repository, who):
    """No address shows the credentials in a ``clone_uri``, and none leaves out the headers that keep scripts away."""
    Repository.objects.update(clone_uri="https://ann:hunter2@example.com/x", enable_downloads=True)
    if who == "administrator":
        client.force_login(repository.owner)
    shown = 0
    site = (
        path for path in site_addresses() if path not in LEAVES and (who == "administrator" or not PANEL.match(path))
    )
    for path in (*site, *(f"code/{rest}" for rest in repository_addresses())):
        answer = client.get("/" + re.sub(r"(?<=repository/)(x|1)(?=/)", str(repository.pk), path))
        assert "default-src 'none'" in answer["Content-Security-Policy"], path
        assert answer["X-Content-Type-Options"] == "nosniff", path
        assert answer["Referrer-Policy"] in ("same-origin", "no-referrer"), path
        assert b"hunter2" not in body(answer), path
        assert answer.status_code < 500, path
        shown += answer.status_code == 200
    assert shown > {"visitor": 20, "administrator": 60}[who]
