"""Descriptions come and go in the language of the client; the API's own texts are English."""

import json

import pytest

from repos.models import Repository
from tests.factories import AdminFactory, RepositoryFactory, RepositoryGroupFactory, UserGroupFactory, key_of

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de-AT,de;q=0.9"}


@pytest.fixture
def ask(client):
    key = key_of(AdminFactory(username="boss"))

    def ask(method, headers=None, **arguments):
        body = json.dumps({"id": 1, "api_key": key, "method": method, "args": arguments})
        response = client.post("/_admin/api", body, content_type="application/json", headers=headers or {})
        return json.loads(response.getvalue())

    return ask


def test_descriptions_in_the_language_asked_for(ask):
    texts = {"description_en": "tools", "description_de": "Werkzeuge"}
    RepositoryFactory(name="app", **texts)
    RepositoryGroupFactory(name="things", **texts)
    UserGroupFactory(name="people", **texts)
    for method, arguments, field in (
        ("get_repo", {"repoid": "app"}, "description"),
        ("get_repo_group", {"repogroupid": "things"}, "group_description"),
        ("get_user_group", {"usergroupid": "people"}, "group_description"),
    ):
        assert ask(method, **arguments)["result"][field] == "tools"
        assert ask(method, GERMAN, **arguments)["result"][field] == "Werkzeuge"
        assert ask(method, lang="de", **arguments)["result"][field] == "Werkzeuge"
        assert ask(method, GERMAN, lang="en", **arguments)["result"][field] == "tools"
    assert ask("get_repos", GERMAN)["result"][0]["description"] == "Werkzeuge"
    assert ask("get_repos")["result"][0]["description"] == "tools"


def test_another_language_stands_in(ask):
    RepositoryFactory(name="app", description_en="", description_de="Werkzeuge")
    assert ask("get_repo", repoid="app")["result"]["description"] == "Werkzeuge"


def test_what_is_written_goes_to_the_language_in_use(ask, repositories_root):
    ask("create_repo", repo_name="app", description="tools")
    ask("update_repo", GERMAN, repoid="app", description="Werkzeuge")
    app = Repository.objects.get()
    assert (app.description_en, app.description_de) == ("tools", "Werkzeuge")
    ask("create_repo_group", group_name="things", description="Dinge", lang="de")
    assert ask("get_repo_group", repogroupid="things", lang="de")["result"]["group_description"] == "Dinge"
    ask("update_repo_group", repogroupid="things", description="things")
    assert ask("get_repo_group", repogroupid="things", lang="de")["result"]["group_description"] == "Dinge"
    assert ask("get_repo_group", repogroupid="things")["result"]["group_description"] == "things"
    ask("create_user_group", group_name="people", description="Leute", lang="de")
    ask("update_user_group", usergroupid="people", description="people", lang="en")
    assert ask("get_user_group", usergroupid="people", lang="de")["result"]["group_description"] == "Leute"


def test_every_method_takes_a_language_and_no_other_than_the_sites(ask):
    for method in ("get_ip", "get_users", "get_server_info"):
        assert ask(method, lang="de")["error"] is None
    assert ask("get_users", lang="xx")["error"] == "Invalid `lang` arg in JSON DATA: must be one of en, de"
    assert ask("get_users", lang=["de"])["error"] == "Invalid `lang` arg in JSON DATA: must be one of en, de"


def test_texts_stay_english(ask):
    for arguments in ({"repoid": "nosuch"}, {}):
        german = ask("get_repo", GERMAN, lang="de", **arguments)
        assert german["error"] == ask("get_repo", **arguments)["error"]
    taken = {"username": "Boss", "email": "x@example.com"}
    assert ask("create_user", GERMAN, **taken)["error"] == ask("create_user", **taken)["error"]
