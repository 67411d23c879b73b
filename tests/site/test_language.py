"""Pages speak the visitor's language; programs are answered in English whatever they accept."""

from __future__ import annotations

import json

import pytest
from django.utils import translation

from accounts import journal, reporting
from accounts.models import User
from kallithea_site.admin_site import OF_THE_THEME
from tests.factories import AdminFactory, RepositoryFactory, actor, key_of

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de-AT,de;q=0.9"}


def test_pages_are_german_for_germans(client):
    page = client.get("/_admin/login", headers=GERMAN).content.decode()
    assert '<html lang="de">' in page
    assert "Anmelden" in page
    assert "Sign in" not in page
    assert '<html lang="en">' in client.get("/_admin/login", headers={"Accept-Language": "fr"}).content.decode()


def test_a_visitor_can_choose_another_language(client):
    assert "Anmelden" in client.get("/", headers=GERMAN).content.decode()
    answer = client.post("/_admin/language", {"language": "en"}, headers={"Referer": "http://testserver/_admin/login"})
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/_admin/login")
    assert "Sign in" in client.get("/", headers=GERMAN).content.decode()
    elsewhere = client.post("/_admin/language", {"language": "de", "next": "https://evil.example/"})
    assert elsewhere["Location"] == "/"


def test_the_journal_speaks_german():
    with translation.override("de"):
        assert [action for action, text in journal.WORDS.items() if journal.words(action) == text] == []
    assert journal.words("nobody_knows") == "nobody_knows"


def test_the_list_of_repositories_is_searched_in_every_language(client):
    RepositoryFactory(name="app", description_en="payroll", description_de="Gehälter")
    RepositoryFactory(name="other")
    for word in ("payroll", "Gehälter"):
        for headers in ({}, GERMAN):
            page = client.get("/", {"q": word}, headers=headers).content.decode()
            assert 'href="/app"' in page
            assert 'href="/other"' not in page


def test_the_api_answers_english(client):
    body = {"id": 1, "api_key": key_of(AdminFactory()), "method": "get_repo", "args": {"repoid": "nosuch"}}
    closed = body | {"method": "create_user", "args": {"username": " x", "email": ""}}
    for call in (body, closed):
        english = client.post("/_admin/api", json.dumps(call), content_type="application/json").json()
        german = client.post("/_admin/api", json.dumps(call), content_type="application/json", headers=GERMAN).json()
        assert german == english


def test_levels_are_german_for_germans(client):
    owner = AdminFactory()
    RepositoryFactory(name="app", owner=owner)
    client.force_login(owner)
    page = client.get("/app/settings/permissions", headers=GERMAN).content.decode()
    assert ">lesen</option>" in page
    assert ">read</option>" not in page
    keys = client.get("/_admin/my_account/api_keys", headers=GERMAN).content.decode()
    assert "alles, was ich darf ·" in keys


def test_reports_and_the_panel_speak_german(client):
    boss = AdminFactory()
    RepositoryFactory(name="app", owner=boss)
    client.force_login(boss)
    with translation.override("de"):
        texts = [found.description for found in reporting.reports(actor(User(is_admin=True)))]
        assert [text for text in [*texts, *OF_THE_THEME] if translation.gettext(text) in (text, "")] == []
    assert "Jedes Repository mit" in client.get("/_admin/reports/repository_growth", headers=GERMAN).content.decode()
    assert ">lesen</option>" in client.get("/_admin/repos/repository/defaults/", headers=GERMAN).content.decode()
    why = client.get(f"/_admin/repos/repository/effective/{boss.pk}/", headers=GERMAN).content.decode()
    assert "alle: lesen" in why
