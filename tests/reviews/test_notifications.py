"""Mails: to whom, in which thread, with what in them, and that a failing mail server does no harm."""

import re
from email.header import decode_header, make_header
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import translation

from accounts.permissions import Level
from repos.models import Repository
from reviews import tasks
from reviews.models import MailPreference, PullRequest
from reviews.services import comments, merging
from reviews.services.pull_requests import edit, edit_reviewers, open_pull_request
from tests.api.reviewing import make_reviewed
from tests.factories import UserFactory, actor, grant, key_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(settings):
    settings.SITE_URL = "https://code.example.com"


@pytest.fixture
def reviewed(db, repositories_root, site):
    made = make_reviewed("git", repositories_root)
    mail.outbox.clear()
    yield made
    made.repository.vcs.close()


@pytest.fixture
def say(reviewed, django_capture_on_commit_callbacks):
    def say(text="Hello", user=None, **how):
        with django_capture_on_commit_callbacks(execute=True):
            return comments.respond(
                actor=actor(user or reviewed.owner), pull_request=reviewed.pull_request, text=text, **how
            )

    return say


def to():
    return sorted(address for message in mail.outbox for address in message.to)


def test_everybody_concerned_but_the_author(reviewed, say):
    talker = UserFactory(username="tom")
    say("I", talker)
    assert to() == ["olga@example.com", "rita@example.com"]
    mail.outbox.clear()
    say("You, @TOM and @nobody, but not `@chief`?", reviewed.reviewer)
    assert to() == ["olga@example.com", "tom@example.com"]


def test_only_those_who_may_see_it_are_told(reviewed, say):
    stranger = UserFactory(username="stan")
    reviewed.repository.is_private = True
    reviewed.repository.save()
    grant(reviewed.repository, reviewed.reviewer, Level.READ)
    grant(reviewed.repository, reviewed.owner, Level.READ)
    say("What does @stan say?")
    assert to() == ["rita@example.com"]
    assert stranger.email not in to()


def test_preferences_and_inactive_people(reviewed, say):
    MailPreference.objects.create(user=reviewed.reviewer, choice=MailPreference.Choice.MENTIONS)
    say("nothing for you")
    assert to() == []
    say("for @rita")
    assert to() == ["rita@example.com"]
    mail.outbox.clear()
    MailPreference.objects.update(choice=MailPreference.Choice.NONE)
    say("for @rita")
    assert to() == []
    MailPreference.objects.all().delete()
    reviewed.reviewer.is_active = False
    reviewed.reviewer.save()
    say("for @rita")
    assert to() == []


def test_one_thread_with_its_headers(reviewed, say, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        opened = open_pull_request(
            actor=actor(reviewed.owner),
            origin=reviewed.repository,
            origin_ref="branch:feature",
            target=reviewed.repository,
            target_ref=f"branch:{reviewed.trunk}",
            title="Threads",
            description="Please **look**",
            reviewers=[reviewed.reviewer],
        )
    with django_capture_on_commit_callbacks(execute=True):
        extra = UserFactory(username="eva")
        edit_reviewers(actor=actor(reviewed.owner), pull_request=opened, add=[extra])
    first, asked = mail.outbox
    assert first.to == ["rita@example.com"]
    assert asked.to == ["eva@example.com"]
    assert first.subject == f"[code] Threads (#{opened.pk})"
    assert first.extra_headers["Message-ID"] == f"<pull-request-{opened.pk}@code.example.com>"
    assert first.extra_headers["List-Id"] == f"code <{reviewed.repository.pk}.repositories.code.example.com>"
    assert "Una User asks for a review" in first.body
    assert "<strong>look</strong>" in first.alternatives[0].content
    assert first.from_email == "Una User <kallithea@localhost>"
    assert asked.extra_headers["References"] == first.extra_headers["Message-ID"]
    assert asked.extra_headers["In-Reply-To"] == first.extra_headers["Message-ID"]
    assert asked.extra_headers["Message-ID"] != first.extra_headers["Message-ID"]


def test_filters_find_the_list_whatever_the_repository_is_called(reviewed, say):
    name = "größer/" + "日本語" * 20
    Repository.objects.filter(pk=reviewed.repository.pk).update(name=name)
    reviewed.pull_request.refresh_from_db()
    say("x", reviewed.reviewer)
    sent = mail.outbox[0].message()
    phrase, _space, address = sent["List-Id"].rpartition(" ")
    assert address == f"<{reviewed.repository.pk}.repositories.code.example.com>"
    assert str(make_header(decode_header(phrase))) == name
    assert max(map(len, sent.as_bytes().splitlines())) < 998


def test_an_edit_tells_whom_it_mentions_anew(reviewed, say, django_capture_on_commit_callbacks):
    tom, stan = UserFactory(username="tom"), UserFactory(username="stan")
    MailPreference.objects.create(user=tom, choice=MailPreference.Choice.MENTIONS)
    said = say("Ask @stan", reviewed.reviewer)
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        comments.edit(actor=actor(reviewed.reviewer), comment=said, text="Ask @stan or @tom")
    message = mail.outbox.pop()
    assert (message.to, mail.outbox) == ([tom.email], [])
    assert "Una User has mentioned you" in message.body
    assert "Ask @stan or @tom" in message.body
    assert f"#comment-{said.pk}" in message.body
    for description in ("Please, @tom and @stan", "Please, @stan"):
        with django_capture_on_commit_callbacks(execute=True):
            edit(actor=actor(reviewed.owner), pull_request=reviewed.pull_request, description=description)
    assert to() == sorted([tom.email, stan.email])
    assert all("Please, @tom and @stan" in message.body for message in mail.outbox)
    mail.outbox.clear()

    # What a description says is news once: not when somebody else is asked, and not when it is closed.
    with django_capture_on_commit_callbacks(execute=True):
        edit_reviewers(
            actor=actor(reviewed.owner), pull_request=reviewed.pull_request, add=[UserFactory(username="eva")]
        )
    assert to() == ["eva@example.com"]
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        on_changeset = comments.comment_changeset(
            actor=actor(reviewed.owner), repository=reviewed.repository, raw_id=reviewed.ids["base"], text="Hm"
        )
    with django_capture_on_commit_callbacks(execute=True):
        comments.edit(actor=actor(reviewed.owner), comment=on_changeset, text="Hm, @tom")
    assert to() == [tom.email]


def test_mails_are_in_the_language_of_the_site(reviewed, say):
    with translation.override("de"):
        say("Hello")
    assert "has commented" in mail.outbox[0].body


def test_votes_places_and_links(reviewed, say):
    comment = say("Why?", reviewed.reviewer, status="rejected", path="a.txt", side="new", line=2)
    (message,) = mail.outbox
    link = f"https://code.example.com/code/pull-request/{reviewed.number}/_/feature#comment-{comment.pk}"
    html = message.alternatives[0].content
    for text in (message.body, html):
        assert link in text
        assert "Vote: rejected" in text
        assert "a.txt:2" in text
    assert message.extra_headers["Message-ID"].endswith(f"-{comment.pk}@code.example.com>")


def test_nothing_in_a_mail_is_obeyed_and_no_key_is_in_it(reviewed, say):
    PullRequest.objects.update(title="<script>x</script>\u202e")
    reviewed.pull_request.refresh_from_db()
    reviewed.owner.firstname = "Evil\r\nBcc: all@example.com <b>"
    reviewed.owner.save()
    say("<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](http://evil.example/p.png) \u202egnp")
    (message,) = mail.outbox
    html = message.alternatives[0].content
    assert "<script" not in html
    assert "<img" not in html
    assert not re.search(r"href=[\"']javascript", html)
    assert "[U+202E]" in html
    assert "[U+202E]" in message.body
    assert "\u202e" not in f"{message.subject}{message.body}{html}"
    raw = message.message().as_string()
    assert not re.search(r"^Bcc:", raw, re.MULTILINE)
    for user in (reviewed.owner, reviewed.reviewer):
        assert key_of(user) not in raw
    assert "api_key" not in raw


def test_a_rolled_back_deed_tells_nobody(reviewed, say):
    with pytest.raises(Exception, match="none of"):
        say("x", reviewed.reviewer, status="nonsense")
    assert to() == []


def test_a_failing_mail_server_does_not_undo_the_comment_and_loses_nothing(
    reviewed, say, monkeypatch, settings, tmp_path
):
    settings.EMAIL_FILE_PATH = tmp_path / "mail"

    attempts = []

    def fail(self, messages):
        attempts.append(messages)
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    assert say("still here, @chief").text == "still here, @chief"
    assert reviewed.pull_request.comments.count() == 2
    kept = [path.read_text() for path in (tmp_path / "mail").iterdir()]
    assert sorted(re.findall(r"^To: (.*)$", "\n".join(kept), re.MULTILINE)) == ["chief@example.com", "rita@example.com"]
    assert all("still here" in text for text in kept)
    assert len(attempts) == 1  # whoever comments does not wait for every message


def test_a_worker_tries_again_later(reviewed, monkeypatch, settings):
    from celery.exceptions import Retry

    def fail(self, messages):
        raise SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    pauses = []
    for retries in (0, 1, 7):
        request = {"retries": retries, "is_eager": False, "called_directly": False}
        tasks.send.push_request(**request)

        def signature(*args, **how):
            pauses.append(how["countdown"])
            return FakeSignature()

        monkeypatch.setattr(tasks.send, "signature_from_request", signature)
        with pytest.raises(Retry):
            tasks.send.run("opened", reviewed.owner.pk, reviewed.reviewer.pk, reviewed.number)
        tasks.send.pop_request()
    assert pauses == [30, 60, 3600]


class FakeSignature:
    def apply_async(self):
        pass


def test_a_task_that_runs_after_everything_was_deleted_does_nothing(reviewed, say):
    comment = say("soon gone")
    mail.outbox.clear()
    comments.delete(actor=actor(reviewed.owner), comment=comment)
    tasks.notify("commented", reviewed.owner.pk, reviewed.number, comment.pk)
    assert to() == []


def test_merging_is_told(reviewed, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        merging.merge(actor=actor(reviewed.repository.owner), pull_request=reviewed.pull_request)
    assert to() == ["olga@example.com", "rita@example.com"]
    assert "has merged the pull request" in mail.outbox[0].body


def test_changeset_comments_reach_who_spoke_before(reviewed, django_capture_on_commit_callbacks):
    for user, text in ((reviewed.owner, "first"), (reviewed.reviewer, "second, @chief")):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            comments.comment_changeset(
                actor=actor(user), repository=reviewed.repository, raw_id=reviewed.ids["one"], text=text
            )
    assert to() == ["chief@example.com", "olga@example.com"]
    assert f"/code/changeset/{reviewed.ids['one']}#comment-" in mail.outbox[0].body
