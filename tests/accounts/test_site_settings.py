"""What administrators decide about the site, and where it shows."""

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import JournalEntry
from accounts.services import defaults, site
from tests.factories import PASSWORD, AdminFactory, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/_admin/accounts/sitesettings/1/change/"


@pytest.fixture
def boss():
    return AdminFactory(username="boss")


@pytest.fixture
def change(boss, django_capture_on_commit_callbacks):
    def change(**values):
        with django_capture_on_commit_callbacks(execute=True):
            site.update(actor=Actor(boss), **values)

    return change


def test_title_and_announcement_are_on_every_page(client, change):
    assert "· Kallithea</title>" in client.get("/_admin/login").content.decode()
    texts = {"en": "Down <on> Friday: https://example.com/why", "de": "Freitag nicht erreichbar"}
    change(title="Our <code>", announcements=texts)
    english = client.get("/_admin/login").content.decode()
    assert "· Our &lt;code&gt;</title>" in english
    assert "Down &lt;on&gt; Friday" in english
    german = client.get("/_admin/login", headers={"Accept-Language": "de"}).content.decode()
    assert "Freitag nicht erreichbar" in german
    change(announcements={"de": ""})
    assert "Down &lt;on&gt;" in client.get("/_admin/login", headers={"Accept-Language": "de"}).content.decode()


def test_costs_one_query_and_then_none(django_assert_num_queries):
    with django_assert_num_queries(1):
        site.current()
    with django_assert_num_queries(0):
        assert site.current().title == "Kallithea"


def test_a_session_lasts_as_long_as_the_site_says(client, change):
    UserFactory(username="una")
    change(session_hours=3)
    client.post("/_admin/login", {"username": "una", "password": PASSWORD})
    assert client.session.get_expiry_age() == 3 * 3600
    assert client.cookies["sessionid"]["max-age"] == 3 * 3600


def test_registration_is_everybodys_permission(client, change):
    change(registration="hg.register.none")
    assert defaults.current()["hg.register"] == "hg.register.none"
    assert client.get("/_admin/register").status_code == 404
    change(registration="hg.register.auto_activate")
    assert client.get("/_admin/register").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"title": " "}, {"session_hours": 0}, {"session_hours": 10**6}, {"clone_uri_allowed_to": "me"}],
)
def test_what_is_not_possible(change, wrong):
    with pytest.raises(ValidationError):
        change(**wrong)
    assert site.stored().title == "Kallithea"


def test_is_for_administrators():
    with pytest.raises(PermissionDenied):
        site.update(actor=Actor(UserFactory()), title="mine")


def test_the_page_of_the_panel(client, boss):
    client.force_login(boss, backend="accounts.authentication.PasswordBackend")
    assert client.get(reverse("admin:accounts_sitesettings_changelist")).headers["Location"].endswith(PAGE)
    assert client.get(PAGE).status_code == 200
    values = {
        "title": "Ours",
        "announcement_en": "Hello",
        "announcement_de": "",
        "enable_downloads": "on",
        "clone_uri_allowed_to": "all",
        "session_hours": "10",
        "registration": "hg.register.none",
    }
    assert client.post(PAGE, values).status_code == 302
    cache.clear()
    now = site.current()
    assert (now.title, now.announcement, now.enable_downloads, now.session_hours) == ("Ours", "Hello", True, 10)
    actions = list(JournalEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["update_site_settings", "update_default_permissions"]
    refused = client.post(PAGE, values | {"session_hours": "0"})
    assert "session_hours" in refused.context["adminform"].form.errors
