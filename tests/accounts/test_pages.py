"""Signing in and out, registering, and the pages of one's own account."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.core.mail.backends import locmem

from accounts.authentication import note_failure, origin
from accounts.models import GlobalGrant, User
from accounts.permissions import DEFAULT_USER_ID
from accounts.services import passwords, users
from tests.accounts.waiting import wait_for_mail
from tests.factories import PASSWORD, AdminFactory, UserFactory, actor, key_of

pytestmark = pytest.mark.django_db
LOGIN = "/_admin/login"


def sign_in(client, user, **more):
    return client.post(LOGIN, {"username": user.username, "password": PASSWORD, **more})


def test_signing_in_and_out(client):
    user = UserFactory()
    response = sign_in(client, user, came_from="/_admin/my_account")
    assert (response.status_code, response["Location"]) == (302, "/_admin/my_account")
    before = client.session.session_key
    assert user.username in client.get("/_admin/my_account").content.decode()
    assert client.post("/_admin/logout").status_code == 302
    assert client.get("/_admin/my_account").status_code == 302
    assert client.session.session_key != before


def test_a_key_in_an_address_signs_nobody_in_or_out(client):
    """A form with a key needs no token, so it can be in anybody's page."""
    user, stranger = UserFactory(), UserFactory()
    address = f"{LOGIN}?api_key={key_of(stranger)}"
    answer = client.post(address, {"username": stranger.username, "password": PASSWORD})
    assert (answer.status_code, answer.cookies.get("sessionid")) == (403, None)
    sign_in(client, user)
    assert client.post(f"/_admin/logout?api_key={key_of(stranger)}").status_code == 403
    assert client.get("/_admin/my_account").status_code == 200


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil", "https://evil.example", "https:evil", "/%0d%0aX: y\r\nX: y", "javascript:1", "x"],
)
def test_came_from_leads_nowhere_else(client, target):
    response = sign_in(client, UserFactory(), came_from=target)
    assert response["Location"] == "/"


def test_the_page_says_where_signing_in_leads(client):
    note = "After signing in"
    assert note not in client.get(LOGIN).content.decode()
    page = client.get(f"{LOGIN}?came_from=/project/%3Cb%3E").content.decode()
    assert note in page
    assert "/project/&lt;b&gt;" in page


def test_a_page_that_is_not_there_leads_on(client):
    client.force_login(UserFactory())
    page = client.get("/nosuch").content.decode()
    assert 'href="/_admin/my_pullrequests"' in page


def test_every_failure_looks_the_same(client):
    user = UserFactory()
    UserFactory(username="off", is_active=False)
    texts = set()
    for name, password in (
        (user.username, "wrong"),
        ("nobody", "x"),
        ("off", PASSWORD),
        ("default", "x"),
        (user.username, "x" * 100_000),
    ):
        response = client.post(LOGIN, {"username": name, "password": password})
        assert response.status_code == 200
        texts.add(re.sub(r'value="[^"]*"', "", response.content.decode()))
    assert len(texts) == 1


def test_too_many_failures_are_refused(client, settings):
    settings.FAILURE_LIMIT = 3
    user = UserFactory()
    for _ in range(3):
        client.post(LOGIN, {"username": user.username, "password": "wrong"})
    refused = sign_in(client, user)
    assert (refused.status_code, refused["Retry-After"]) == (429, str(settings.FAILURE_WINDOW))


def test_a_new_password_ends_other_sessions(client):
    from django.test import Client

    user = UserFactory()
    other = Client()
    sign_in(client, user)
    sign_in(other, user)
    good = "quite another one 1"
    wrong = client.post("/_admin/my_account/password", {"current": "no", "password": good, "again": good})
    assert wrong.status_code == 200
    right = client.post("/_admin/my_account/password", {"current": PASSWORD, "password": good, "again": good})
    assert right.status_code == 302
    assert client.get("/_admin/my_account").status_code == 200
    assert other.get("/_admin/my_account").status_code == 302


def test_keys_are_seen_added_and_revoked(client):
    user = UserFactory()
    sign_in(client, user)
    path = "/_admin/my_account/api_keys"
    assert key_of(user) in client.get(path).content.decode()
    added = client.post(path, {"description": "robot", "lifetime": "60", "level": "1"})
    assert added.status_code == 302
    key = user.api_keys.get(description="robot")
    headers = {"Authorization": f"Bearer {key.value}"}
    assert client.get("/", headers=headers).status_code == 200
    shown = client.get(path, headers=headers).content.decode()
    assert key_of(user) not in shown  # a key does not show the others
    assert client.post(f"{path}/{key.pk}/revoke").status_code == 302
    assert client.get("/", headers=headers).status_code == 403
    before = key_of(user)
    client.post(f"{path}/reset")
    assert key_of(user) != before
    stranger = UserFactory()
    builtin = stranger.api_keys.get()
    assert client.post(f"{path}/{builtin.pk}/revoke").status_code == 404


def test_profile_and_addresses(client):
    user = UserFactory()
    sign_in(client, user)
    values = {"firstname": "Ünal", "lastname": "<b>", "email": "new@example.com"}
    assert client.post("/_admin/my_account", values).status_code == 302
    user.refresh_from_db()
    assert (user.firstname, user.email) == ("Ünal", "new@example.com")
    assert "&lt;b&gt;" in client.get("/_admin/my_account").content.decode()
    client.post("/_admin/my_account/emails", {"add": "1", "email": "also@example.com"})
    assert user.extra_emails.get().email == "also@example.com"
    taken = client.post("/_admin/my_account/emails", {"add": "1", "email": UserFactory().email})
    assert taken.status_code == 200
    client.post("/_admin/my_account/emails", {"remove": "also@example.com"})
    assert not user.extra_emails.exists()
    for page in ("ips", "sessions", "following", "password"):
        assert client.get(f"/_admin/my_account/{page}").status_code == 200


def test_sessions_elsewhere_can_be_ended(client):
    from django.test import Client

    user, other = UserFactory(), Client()
    sign_in(client, user)
    assert "Sign out elsewhere" not in client.get("/_admin/my_account/sessions").content.decode()
    sign_in(other, user)
    page = client.get("/_admin/my_account/sessions").content.decode()
    assert page.count("127.0.0.1") == 2
    assert "Sign out elsewhere" in page
    client.post("/_admin/my_account/sessions")
    assert other.get("/_admin/my_account").status_code == 302
    assert client.get("/_admin/my_account").status_code == 200


@pytest.mark.parametrize(("rule", "works"), [("none", None), ("manual_activate", False), ("auto_activate", True)])
def test_registering(client, rule, works):
    GlobalGrant.objects.update_or_create(
        user_id=DEFAULT_USER_ID, kind="hg.register", defaults={"permission": f"hg.register.{rule}"}
    )
    values = {"username": "nina", "email": "nina@example.com", "password": PASSWORD, "again": PASSWORD}
    response = client.post("/_admin/register", values)
    if works is None:
        assert response.status_code == 404
        return
    assert response.status_code == 302
    assert User.objects.get(username="nina").is_active is works
    assert client.post("/_admin/register", {**values, "username": "NINA"}).status_code == 200


def test_administrators_are_told_of_a_registration_and_the_person_of_the_activation(
    client, settings, django_capture_on_commit_callbacks
):
    settings.SITE_URL = "https://code.example.com"
    admin = AdminFactory(email="boss@example.com")
    AdminFactory(email="gone@example.com", is_active=False)
    AdminFactory(email=None)
    values = {"username": "nina", "email": "nina@example.com", "password": PASSWORD, "again": PASSWORD}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/_admin/register", values).status_code == 302
    wait_for_mail()
    (asked,) = mail.outbox
    nina = User.objects.get(username="nina")
    assert asked.to == ["boss@example.com"]
    assert f"https://code.example.com/_admin/accounts/user/{nina.pk}/change/" in asked.body
    assert sign_in(client, nina).status_code == 200

    for active in (True, False, True):  # told once: who has been in before knows
        with django_capture_on_commit_callbacks(execute=True):
            users.update(actor=actor(admin), user=nina, active=active)
        wait_for_mail()
        if active:
            assert sign_in(client, nina).status_code == 302
            nina.refresh_from_db()
    (told,) = mail.outbox[1:]
    assert told.to == ["nina@example.com"]
    assert "https://code.example.com/_admin/login" in told.body


def test_many_registrations_fill_no_mailbox(client, django_capture_on_commit_callbacks):
    AdminFactory()
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(users.MOST_MESSAGES + 2):
            users.register(username=f"user {number}", email=f"{number}@example.com", password=PASSWORD)
    wait_for_mail()
    assert len(mail.outbox) == users.MOST_MESSAGES


def test_a_mail_server_that_is_away_loses_no_message(
    settings, tmp_path, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("nobody is there")

    settings.EMAIL_FILE_PATH = tmp_path
    user = UserFactory()
    with monkeypatch.context() as patched:
        patched.setattr(locmem.EmailBackend, "send_messages", refuse)
        with django_capture_on_commit_callbacks(execute=True):
            passwords.ask_for_link(user.email)
        wait_for_mail()
    (kept,) = tmp_path.iterdir()
    assert "password_reset" in kept.read_text()
    assert "nobody is there" in caplog.text


@pytest.mark.parametrize(
    ("path", "values", "subject"),
    [
        (
            "register",
            {"username": "nina", "email": "n@example.com", "password": PASSWORD, "again": PASSWORD},
            "register ",
        ),
        ("password_reset", {"email": "n@example.com"}, "password reset "),
        ("my_account/password", {"current": PASSWORD, "password": "quite new 1", "again": "quite new 1"}, ""),
    ],
)
def test_forms_say_when_there_were_too_many_attempts(client, settings, path, values, subject):
    settings.FAILURE_LIMIT = 1
    client.force_login(UserFactory())
    note_failure(subject + origin("127.0.0.1"))
    answer = client.post(f"/_admin/{path}", values, headers={"Accept-Language": "de"})
    assert (answer.status_code, answer["Retry-After"]) == (429, str(settings.FAILURE_WINDOW))
    assert "Zu viele Versuche." in answer.content.decode()


def test_a_forgotten_password(client, settings, django_capture_on_commit_callbacks):
    settings.SITE_URL = "https://code.example.com"
    user = UserFactory(email="una@example.com")
    # Whoever asks for a link to be sent does not choose where it leads.
    stranger = {"HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "evil.example"}
    with django_capture_on_commit_callbacks(execute=True):
        same = [
            client.post("/_admin/password_reset", {"email": email}, **stranger)
            for email in ("una@example.com", "no@example.com", "una@example.com")
        ]
    assert [response.status_code for response in same] == [302, 302, 302]
    wait_for_mail()
    (message,) = mail.outbox
    assert "evil" not in str(message.message())
    (link,) = re.findall(r"https://code.example.com(\S+)", message.body)
    assert client.get(link).status_code == 200
    good = "quite another one 2"
    assert client.post(link, {"password": good, "again": good}).status_code == 302
    user.refresh_from_db()
    assert user.check_password(good)
    over = client.get(link)
    assert over.status_code == 404
    assert 'href="/_admin/password_reset"' in over.content.decode()  # where to ask for another
    assert client.get("/_admin/password_reset/MQ/x").status_code == 404


@pytest.mark.parametrize("path", ["/_admin/journal", "/_admin/public_journal", "/_admin/my_pullrequests"])
def test_the_journal_and_lists_open(client, path):
    user = UserFactory()
    sign_in(client, user)
    assert client.get(path).status_code == 200
    assert client.get("/_admin/journal/rss").status_code == 200


def test_an_error_belongs_to_its_field(client):
    client.force_login(UserFactory())
    shown = client.post("/_admin/my_account/password", {"current": "wrong", "password": "a", "again": "b"}).text
    named = re.findall(r'aria-describedby="([\w ]*_error)"', shown)
    assert named
    assert all(f'id="{name.split()[-1]}" role="alert"' in shown for name in named)


def test_every_page_of_the_account_has_its_own_title(client):
    client.force_login(UserFactory())
    parts = ("", "/password", "/emails", "/api_keys", "/ips", "/following", "/user_groups", "/notices", "/sessions")
    titles = [re.findall("<title>(.*)</title>", client.get(f"/_admin/my_account{part}").text)[0] for part in parts]
    assert len(set(titles)) == len(parts)


def test_a_page_that_is_not_there_says_who_is_signed_in(client):
    user = UserFactory()
    assert 'href="/_admin/login?came_from=%2F_admin%2Fgists%2Fnosuch"' in client.get("/_admin/gists/nosuch").text
    client.force_login(user)
    assert f'<a href="/_admin/my_account">{user.username}</a>' in client.get("/_admin/gists/nosuch").text


def test_the_head_says_where_one_is(client):
    client.force_login(UserFactory())
    here = '<a href="/_admin/gists" aria-current="page">'
    assert here in client.get("/_admin/gists?which=own").text
    assert here not in client.get("/_admin/gists/new").text
