"""The API's own page: everybody with an account reads it, and runs methods with his own rights."""

from __future__ import annotations

import html
import re
import shlex
from urllib.parse import quote

import pytest
from django.test import Client

from accounts.models import User
from api.server import server
from tests.api.conftest import Api
from tests.factories import RepositoryFactory, key_of

DOCS = "/_admin/api/docs"


@pytest.fixture
def una(client, user):
    """A browser in which ``una`` is signed in."""
    client.force_login(user)
    return client


@pytest.fixture
def boss(client, admin):
    client.force_login(admin)
    return client


def shown(response, kind: str) -> list[str]:
    """The unescaped texts of the ``pre`` elements of a class."""
    assert response.status_code == 200
    found = re.findall(rf'<pre class="{kind}"[^>]*>(.*?)</pre>', response.content.decode(), re.DOTALL)
    return [html.unescape(text) for text in found]


def test_a_visitor_signs_in_first(client, db):
    for path in (DOCS, f"{DOCS}/get_repo", f"{DOCS}/nosuch"):
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].endswith(f"/_admin/login?came_from={quote(path, safe='')}")
    assert client.post(f"{DOCS}/get_ip").status_code == 302


def test_a_key_reads_it_too(client, user):
    page = client.get(DOCS, headers={"Authorization": f"Bearer {key_of(user)}"})
    assert page.status_code == 200
    assert key_of(user) not in page.content.decode()


def test_the_list_has_every_method(una):
    text = una.get(DOCS).content.decode()
    for name in server.methods:
        assert f'href="{DOCS}/{name}"' in text


def test_every_method_has_its_page(una):
    for name, method in server.methods.items():
        response = una.get(f"{DOCS}/{name}")
        text = response.content.decode()
        assert response.status_code == 200, name
        assert f"<h1>{name}</h1>" in text
        for argument in method.parameters:
            assert f'name="{argument}"' in text, name
    assert una.get(f"{DOCS}/nosuch").status_code == 404


def test_a_method_runs_with_ones_own_rights(una, user):
    RepositoryFactory(name="public")
    RepositoryFactory(name="secret", is_private=True)
    [answer] = shown(una.post(f"{DOCS}/get_repo", {"repoid": "public"}), "answer")
    assert '"repo_name": "public"' in answer
    assert shown(una.post(f"{DOCS}/get_repo", {"repoid": "secret"}), "error") == ["repository `secret` does not exist"]
    [denied] = shown(una.post(f"{DOCS}/get_users"), "error")
    assert denied == "access denied: get_users needs administrator rights"
    [listed] = shown(una.post(f"{DOCS}/get_repos"), "answer")
    assert ("public" in listed, "secret" in listed) == (True, False)


def test_it_writes(boss):
    form = {"username": "new", "email": "new@example.com", "active": "false", "firstname": ""}
    [answer] = shown(boss.post(f"{DOCS}/create_user", form), "answer")
    assert "created new user `new`" in answer
    assert User.objects.get(username="new").is_active is False


def test_lists_and_objects_are_typed_as_json(boss):
    files = '{"a.txt": {"content": "a"}}'
    [answer] = shown(boss.post(f"{DOCS}/create_gist", {"files": files}), "answer")
    assert "created new gist" in answer
    assert shown(boss.post(f"{DOCS}/create_gist", {"files": "{"}), "error")


def test_another_sites_form_runs_nothing(admin):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin)
    form = {"username": "new", "email": "new@example.com"}
    assert browser.post(f"{DOCS}/create_user", form).status_code == 403
    assert browser.get(f"{DOCS}/create_user", form).status_code == 200  # reading runs nothing
    assert not User.objects.filter(username="new").exists()
    browser.get(f"{DOCS}/create_user")
    form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    assert browser.post(f"{DOCS}/create_user", form).status_code == 200
    assert User.objects.filter(username="new").exists()


def test_the_same_call_for_a_shell(boss, admin):
    RepositoryFactory(name="it's")
    curl, tool = shown(boss.post(f"{DOCS}/get_repo", {"repoid": "it's"}), "once")
    assert curl.startswith("curl http://testserver/_admin/api --data-binary ")
    assert '"api_key": "YOUR_KEY"' in curl
    assert tool.startswith("kallithea-api --apihost=http://testserver --apikey=YOUR_KEY get_repo ")
    assert "repoid:it" in tool
    text = boss.post(f"{DOCS}/get_repo", {"repoid": "it's"}).content.decode()
    assert key_of(admin) not in text


@pytest.mark.parametrize(
    ("method", "typed"),
    [
        ("create_gist", {"files": '{"a.txt": {"content": "it\'s, ü"}}'}),
        ("create_api_key", {"userid": "boss", "scopes": '["read"]'}),
        ("get_report", {"name": "failed_jobs", "parameters": '{"days": 5}'}),
    ],
)
def test_the_line_for_the_client_works_with_lists_and_objects(boss, admin, client, method, typed):
    _curl, tool = shown(boss.post(f"{DOCS}/{method}", typed), "once")
    texts = dict(text.split(":", 1) for text in shlex.split(tool)[4:])
    assert texts.keys() == typed.keys()
    assert Api(client, key_of(admin))(method, **texts)


def test_what_was_typed_and_answered_is_text(boss):
    script = '"><script>alert(1)</script>'
    RepositoryFactory(name="one", description=script)
    for method, form in (("get_repo", {"repoid": script}), ("get_repo", {"repoid": "one"}), ("test", {"args": script})):
        text = boss.post(f"{DOCS}/{method}", form).content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("value", ["\0", "x" * 10_000, "\u202e", "-1", "99999999999999999999"])
def test_odd_values_are_errors(boss, value):
    [error] = shown(boss.post(f"{DOCS}/get_repo", {"repoid": value}), "error")
    assert error != "Internal server error"


def test_names_stand_out_in_the_text(una):
    text = una.get(f"{DOCS}/get_repo").content.decode()
    assert "<code>pull_requests</code>" in text
    assert "``" not in text


def test_further_spellings_are_shown(una):
    assert ">usergroupid / usersgroupid" in una.get(f"{DOCS}/get_user_group").content.decode()
