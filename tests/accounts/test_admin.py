"""The admin panel: for administrators, and every change goes through the services."""

import re
from functools import partial

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import ApiKey, EmailAddress, GlobalGrant, IpRange, JournalEntry, User, UserGroup, UserGroupGrant
from accounts.permissions import Level
from tests.accounts.waiting import wait_for_mail
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    RepositoryFactory,
    UserFactory,
    UserGroupFactory,
    grant,
    key_of,
)

MODELS = [User, ApiKey, IpRange, EmailAddress, UserGroup, UserGroupGrant, GlobalGrant, JournalEntry]


@pytest.fixture
def boss(db):
    return AdminFactory(username="boss")


@pytest.fixture
def panel(client, boss):
    client.force_login(boss, backend="accounts.authentication.PasswordBackend")
    return client


def address(model, page, *args):
    return reverse(f"admin:accounts_{model._meta.model_name}_{page}", args=args)


def errors(response):
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert form.errors
    return form.errors


@pytest.fixture
def something(boss):
    """A row of every kind."""
    una = UserFactory(username="una")
    una.extra_emails.create(email="second@example.com")
    una.ip_ranges.create(cidr="10.0.0.0/8")
    group = UserGroupFactory(name="people", members=[una])
    grant(group, una, Level.WRITE)
    JournalEntry.objects.create(user=una, username="una", action="push")
    return una


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_page_renders(panel, something, model):
    row = model.objects.order_by("pk").last()
    assert panel.get(address(model, "changelist"), {"q": "una"}).status_code == 200
    assert panel.get(address(model, "change", row.pk)).status_code == 200
    if model is not JournalEntry:
        assert panel.get(address(model, "add")).status_code == 200
    assert panel.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_number_of_queries_of_a_list_is_fixed(panel, something, model, django_assert_max_num_queries):
    groups = UserGroupFactory.create_batch(20, members=[something])
    for group in groups:
        something.ip_ranges.create(cidr=f"10.0.0.{group.pk}/32")
        something.extra_emails.create(email=f"{group.pk}@example.com")
        GlobalGrant.objects.create(user_group=group, kind="hg.fork", permission="hg.fork.none")
        JournalEntry.objects.create(user=something, username="una", action="push")
    with django_assert_max_num_queries(12):
        panel.get(address(model, "changelist"))


@pytest.mark.parametrize(
    "page", ["/_admin/", "/_admin/accounts/user/", "/_admin/accounts/apikey/add/", "/_admin/login/"]
)
def test_is_for_administrators(client, boss, page):
    anonymous = client.get(page)
    assert anonymous.status_code == 302
    assert "/_admin/login?came_from=" in anonymous["Location"]
    client.force_login(UserFactory(), backend="accounts.authentication.PasswordBackend")
    assert client.get(page).status_code == 403


def test_a_narrow_key_of_an_administrator_does_not_open_it(client, boss):
    narrow = ApiKeyFactory(user=boss, level=Level.READ)
    assert client.get("/_admin/", HTTP_AUTHORIZATION=f"Bearer {narrow.value}").status_code == 403
    assert client.get("/_admin/", HTTP_AUTHORIZATION=f"Bearer {key_of(boss)}").status_code == 200


def test_nothing_inline_runs_as_script(panel):
    response = panel.get("/_admin/accounts/user/")
    assert "script-src 'self' 'unsafe-eval';" in response["Content-Security-Policy"]
    assert not re.search(rb"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", response.content)


@pytest.mark.parametrize("model", [User, ApiKey, UserGroup, JournalEntry], ids=lambda model: model.__name__)
@pytest.mark.parametrize("year", ["-1", "99999999999999999999"])
def test_a_filter_that_makes_no_sense_is_not_the_servers_fault(panel, something, model, year):
    assert panel.get(address(model, "changelist"), {"created_on__year": year}).status_code in (302, 400)
    exported = panel.get(reverse("admin:accounts_journalentry_export"), {"created_on__year": year})
    assert exported["Location"] == address(JournalEntry, "changelist") + "?e=1"


@pytest.mark.parametrize(
    "page",
    [
        "accounts/user/?q=%00",
        "accounts/journalentry/?action=a%00b",
        "accounts/iprange/add/?user=%00",
        "autocomplete/?term=%00&app_label=repos&model_name=repository&field_name=owner",
    ],
)
def test_a_nul_is_refused(panel, something, page):
    assert panel.get(f"/_admin/{page}").status_code == 400


@pytest.mark.parametrize("chosen", ["x", "\0", "-1", "", "9" * 30])
def test_rows_are_chosen_by_their_numbers(panel, something, chosen):
    answer = panel.post(address(User, "changelist"), {"action": "activate", "_selected_action": [chosen]})
    assert answer.status_code == 400


@pytest.mark.parametrize("chosen", ["x", "1.5", "²", "9" * 30])
def test_what_a_searching_field_finds_is_chosen_by_its_number(panel, something, chosen):
    for model, page in admin.site._registry.items():
        for name in page.autocomplete_fields:
            form = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
            assert panel.get(form, {name: chosen}).status_code == 400, form
            assert panel.post(form, {name: chosen}).status_code == 400, form
    for name in ("owner", "group"):
        filtered = panel.get("/_admin/repos/repository/", {f"{name}__id__exact": chosen})
        assert (filtered.status_code, filtered["Location"]) == (302, "/_admin/repos/repository/?e=1")


@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("accounts/user/", "password__startswith"),
        ("accounts/apikey/", "encrypted__startswith"),
        ("accounts/apikey/", "digest__startswith"),
        ("accounts/apikey/", "user__password__startswith"),
        ("repos/repository/", "clone_uri__contains"),
    ],
)
def test_secrets_are_not_guessed_by_filters(panel, something, page, lookup):
    assert panel.get(f"/_admin/{page}", {lookup: "a"}).status_code == 400


USER = {
    "username": "anna",
    "email": "Anna@example.com",
    "firstname": "Anna",
    "is_active": "on",
    "extern_type": "internal",
}


def test_make_and_change_a_user(panel, boss):
    made = panel.post(address(User, "add"), USER | {"password": "correct horse battery"})
    assert made.status_code == 302
    anna = User.objects.get(username="anna")
    assert (anna.email, anna.check_password("correct horse battery")) == ("anna@example.com", True)
    assert anna.api_keys.get().is_builtin
    panel.post(address(User, "change", anna.pk), USER | {"username": "anne"})
    anna.refresh_from_db()
    assert (anna.username, anna.check_password("correct horse battery")) == ("anne", True)
    actions = JournalEntry.objects.order_by("pk").values_list("action", "user__username", "address")
    assert list(actions) == [("create_user", "boss", "127.0.0.1"), ("update_user", "boss", "127.0.0.1")]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"username": "BOSS"}, "username"), ({"username": "12"}, "username"), ({"password": "short"}, "password")],
)
def test_what_a_service_refuses_is_shown_at_the_field(panel, wrong, field):
    assert field in errors(panel.post(address(User, "add"), USER | wrong))
    assert not User.objects.filter(username="anna").exists()


def test_an_address_that_is_taken(panel, something):
    assert "email" in errors(panel.post(address(User, "add"), USER | {"email": "second@example.com"}))
    arguments = {"user": something.pk, "email": "UNA@example.com"}
    assert "email" in errors(panel.post(address(EmailAddress, "add"), arguments))


def test_the_last_administrator_stays(panel, boss):
    assert panel.post(address(User, "delete", boss.pk), {"post": "yes"}).status_code == 302
    assert User.objects.filter(pk=boss.pk).exists()
    assert set(errors(panel.post(address(User, "change", boss.pk), USER | {"username": "boss"}))) == {"is_admin"}
    boss.refresh_from_db()
    assert boss.is_admin


def test_delete_a_user_and_keep_an_owner(panel, something):
    owner = RepositoryFactory(owner=UserFactory()).owner
    panel.post(address(User, "delete", something.pk), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [owner.pk], "post": "yes"}
    panel.post(address(User, "changelist"), chosen)
    assert not User.objects.filter(pk=something.pk).exists()
    assert User.objects.filter(pk=owner.pk).exists()


def test_the_default_user_is_only_shown(panel):
    assert panel.post(address(User, "change", 1), USER).status_code == 403
    assert panel.post(address(User, "delete", 1), {"post": "yes"}).status_code == 403


def test_a_key_is_shown_once(panel, something):
    values = {"user": something.pk, "description": "CI", "lifetime": "60", "level": "1", "ip_range": ""}
    made = panel.post(address(ApiKey, "add"), values)
    key = something.api_keys.get(description="CI")
    assert key.level == Level.READ
    assert key.value in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    later = panel.get(address(ApiKey, "change", key.pk)).content.decode()
    assert key.value not in later
    assert key.digest not in later


def test_reset_and_revoke(panel, something):
    before, further = key_of(something), ApiKeyFactory(user=something)
    answer = panel.post(address(User, "changelist"), {"action": "reset_keys", "_selected_action": [something.pk]})
    assert key_of(something) != before
    assert key_of(something) in answer.content.decode()
    panel.post(address(ApiKey, "delete", further.pk), {"post": "yes"})
    assert not ApiKey.objects.filter(pk=further.pk).exists()
    builtin = something.api_keys.get()
    assert panel.post(address(ApiKey, "delete", builtin.pk), {"post": "yes"}).status_code == 403


def test_the_page_of_a_user_shows_what_belongs_to_it(panel, something):
    ApiKeyFactory(user=something, description="robot")
    page = panel.get(address(User, "change", something.pk)).content.decode()
    for shown in ("people", "second@example.com", "10.0.0.0/8", "robot", "never used"):
        assert f">{shown}<" in page or f">{shown}" in page, shown
    for model in (EmailAddress, IpRange, ApiKey):
        assert f"{address(model, 'add')}?user={something.pk}" in page


def test_the_buttons_of_a_users_page(panel, something, settings, mailoutbox, django_capture_on_commit_callbacks):
    do = partial(reverse, "admin:accounts_user_do")
    before = key_of(something)
    answer = panel.post(do(args=[something.pk, "reset-key"]))
    assert before != key_of(something)
    assert key_of(something) in answer.content.decode()
    assert panel.get(do(args=[something.pk, "reset-key"])).status_code == 405
    with django_capture_on_commit_callbacks(execute=True):
        panel.post(do(args=[something.pk, "password-link"]))
    wait_for_mail()
    assert mailoutbox[0].to == [something.email]
    assert "/_admin/password_reset/" in mailoutbox[0].body
    elsewhere = UserFactory(extern_type="ldap")
    answer = panel.post(do(args=[elsewhere.pk, "password-link"]), follow=True)
    assert "Only an active user who signs in here" in answer.content.decode()
    assert len(mailoutbox) == 1
    entries = JournalEntry.objects.order_by("pk").values_list("action", "subject_id")
    assert list(entries)[-2:] == [("reset_api_key", something.pk), ("send_password_link", something.pk)]


def test_members_are_searched_for_and_not_listed(panel, something):
    UserFactory(username="stranger")
    page = panel.get(address(UserGroup, "change", UserGroup.objects.get(name="people").pk)).content.decode()
    assert ">una</option>" in page
    assert "stranger" not in page
    asked = {"app_label": "accounts", "model_name": "usergroup", "field_name": "members", "term": "strang"}
    found = panel.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert [one["text"] for one in found] == ["stranger"]


def test_allowed_addresses(panel, something):
    panel.post(address(IpRange, "add"), {"user": something.pk, "cidr": "192.0.2.9"})
    row = something.ip_ranges.get(cidr="192.0.2.9/32")
    panel.post(address(IpRange, "delete", row.pk), {"post": "yes"})
    assert not IpRange.objects.filter(pk=row.pk).exists()
    errors(panel.post(address(IpRange, "add"), {"user": something.pk, "cidr": "nonsense"}))


def test_user_groups_and_their_members(panel, boss, something):
    values = {
        "name": "folk",
        "description_en": "people",
        "description_de": "Leute",
        "owner": boss.pk,
        "is_active": "on",
    }
    panel.post(address(UserGroup, "add"), values | {"people": [something.pk]})
    group = UserGroup.objects.get(name="folk")
    assert (group.description_en, group.description_de) == ("people", "Leute")
    assert list(group.members.all()) == [something]
    panel.post(address(UserGroup, "change", group.pk), values | {"name": "crowd", "people": [boss.pk]})
    group.refresh_from_db()
    assert (group.name, list(group.members.all())) == ("crowd", [boss])
    assert "name" in errors(panel.post(address(UserGroup, "change", group.pk), values | {"name": "people"}))
    panel.post(address(UserGroup, "delete", group.pk), {"post": "yes"})
    assert not UserGroup.objects.filter(pk=group.pk).exists()


def test_a_user_group_is_made_completely_or_not_at_all(panel, boss):
    values = {"name": "folk", "owner": boss.pk, "is_active": "on", "people": [User.objects.default().pk]}
    errors(panel.post(address(UserGroup, "add"), values))
    assert not UserGroup.objects.exists()


def test_grants_on_user_groups(panel, something):
    group, other = UserGroup.objects.get(name="people"), UserGroupFactory()
    panel.post(address(UserGroupGrant, "add"), {"on": group.pk, "user_group": other.pk, "level": "3"})
    row = group.grants.get(user_group=other)
    assert row.level == Level.ADMIN
    panel.post(address(UserGroupGrant, "delete", row.pk), {"post": "yes"})
    assert not group.grants.filter(user_group=other).exists()
    errors(panel.post(address(UserGroupGrant, "add"), {"on": group.pk, "level": "3"}))


def test_global_permissions(panel, something):
    panel.post(address(GlobalGrant, "add"), {"user": something.pk, "permission": "hg.usergroup.create.true"})
    row = something.global_grants.get()
    assert row.kind == "hg.usergroup.create"
    panel.post(address(GlobalGrant, "delete", row.pk), {"post": "yes"})
    assert not something.global_grants.exists()


def test_the_journal_is_read_only(panel, something):
    row = JournalEntry.objects.get()
    assert panel.get(address(JournalEntry, "add")).status_code == 403
    assert panel.post(address(JournalEntry, "change", row.pk), {"action": "x"}).status_code == 403
    assert panel.post(address(JournalEntry, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_every_model_of_the_panel_writes_through_services():
    from accounts.panel import ServiceAdmin

    ours = {model: panel for model, panel in admin.site._registry.items() if "django" not in model.__module__}
    assert set(MODELS) < set(ours)
    assert all(isinstance(panel, ServiceAdmin) for panel in ours.values())
    assert not any(model.__module__.startswith("django.contrib.auth") for model in admin.site._registry)
