"""Who hears of what, and what the messages say. They are sent by :mod:`reviews.tasks` after the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from email.header import Header
from email.utils import formataddr
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Level
from repos.markup import markdown, mentioned, visible
from reviews.models import Comment, MailPreference, PullRequest
from reviews.permissions import has_level

#: What happened -> the sentence about it.
SENTENCES = {
    "opened": gettext_lazy("%(actor)s asks for a review"),
    "asked": gettext_lazy("%(actor)s asks you for a review"),
    "updated": gettext_lazy("%(actor)s has updated the pull request"),
    "moved": gettext_lazy("The source has moved: an update is available"),
    "commented": gettext_lazy("%(actor)s has commented"),
    "mentioned": gettext_lazy("%(actor)s has mentioned you"),
    "closed": gettext_lazy("%(actor)s has closed the pull request"),
    "merged": gettext_lazy("%(actor)s has merged the pull request"),
    "changeset": gettext_lazy("%(actor)s has commented on a changeset"),
}


def announce(
    event: str,
    pull_request: PullRequest,
    actor: Actor | None,
    comment: Comment | None = None,
    *,
    people: Iterable[User] = (),
) -> None:
    """Tell everybody concerned, once the transaction is committed; ``people`` says whom, otherwise all are.

    A mail server that fails does not make the deed fail.
    """
    _enqueue(
        event,
        actor,
        pull_request_id=pull_request.pk,
        comment_id=comment.pk if comment is not None else None,
        only=[user.pk for user in people] or None,
    )


def announce_changeset(comment: Comment, actor: Actor) -> None:
    """Tell whoever is mentioned in a comment on a changeset, who spoke before, and its author."""
    _enqueue("changeset", actor, comment_id=comment.pk)


def announce_mentions(
    before: str, after: str, actor: Actor, *, pull_request: PullRequest | None, comment: Comment | None = None
) -> None:
    """Tell those whom an edited text names and the earlier one did not."""
    if people := list(_named(mentioned(after) - mentioned(before))):
        _enqueue(
            "mentioned",
            actor,
            pull_request_id=pull_request.pk if pull_request is not None else None,
            comment_id=comment.pk if comment is not None else None,
            only=people,
        )


def _enqueue(event: str, actor: Actor | None, **arguments: object) -> None:
    from reviews.tasks import notify

    def enqueue() -> None:
        notify.delay(event, actor.user.pk if actor is not None else None, **arguments)

    transaction.on_commit(enqueue, robust=True)


# -- who -----------------------------------------------------------------------------------------------------------


def recipients(
    event: str,
    author: User | None,
    pull_request: PullRequest | None,
    comment: Comment | None,
    only: Collection[int] | None,
) -> list[User]:
    """Active people with an address who may see it and want to hear of it; never the author of the deed."""
    called: set[int] = set()
    if only is not None:
        asked = taking_part = set(only)
    elif pull_request is not None:
        asked = set(pull_request.reviewer_rows.values_list("user_id", flat=True)) if event == "opened" else set()
        taking_part = {
            pull_request.owner_id,
            *pull_request.reviewer_rows.values_list("user_id", flat=True),
            *pull_request.comments.exclude(author=None).values_list("author_id", flat=True),
        }
    else:
        assert comment is not None
        asked = set()
        before = Comment.objects.on_changeset(comment.repository, comment.raw_id)  # type: ignore[arg-type]
        taking_part = set(before.exclude(author=None).values_list("author_id", flat=True))
    if only is None and (comment is not None or event == "opened"):  # else nothing new was said
        text = comment.text if comment is not None else pull_request.description if pull_request is not None else ""
        called = set(_named(mentioned(text)))
    everybody = (asked | taking_part | called) - {author.pk if author is not None else None}
    wanted = dict(MailPreference.objects.filter(user__in=everybody).values_list("user_id", "choice"))
    users = User.objects.filter(pk__in=everybody, is_active=True).exclude(Q(email=None) | Q(email="")).order_by("pk")
    return [
        user
        for user in users
        if _wants(wanted.get(user.pk, MailPreference.Choice.ALL), direct=user.pk in asked | called)
        and _may_see(user, pull_request, comment)
    ]


def _named(names: set[str]) -> Iterable[int]:
    if not names:
        return []
    condition = Q()
    for name in names:
        condition |= Q(username__iexact=name)
    return User.objects.filter(condition).values_list("pk", flat=True)


def _wants(choice: str, *, direct: bool) -> bool:
    return choice == MailPreference.Choice.ALL or (choice == MailPreference.Choice.MENTIONS and direct)


def _may_see(user: User, pull_request: PullRequest | None, comment: Comment | None) -> bool:
    actor = Actor(user)
    if pull_request is not None:
        return PullRequest.objects.filter(pk=pull_request.pk).visible_to(actor).exists()
    assert comment is not None
    assert comment.repository is not None
    return has_level(actor, comment.repository, Level.READ)


# -- what ----------------------------------------------------------------------------------------------------------


def message(
    event: str, author: User | None, user: User, pull_request: PullRequest | None, comment: Comment | None
) -> EmailMultiAlternatives:
    """The mail for one person: text and HTML, one thread for each pull request or changeset, never a key in a link."""
    repository = pull_request.target if pull_request is not None else comment.repository  # type: ignore[union-attr]
    assert repository is not None
    if pull_request is not None:
        subject = f"[{repository.name}] {pull_request.title} (#{pull_request.pk})"
        path, thread = pull_request.get_absolute_url(), f"pull-request-{pull_request.pk}"
        fallback = pull_request.description if event in ("opened", "asked", "mentioned") else ""
    else:
        assert comment is not None
        subject = _("[%(repository)s] Changeset %(short_id)s") % {
            "repository": repository.name,
            "short_id": comment.raw_id[:12],
        }
        path = f"{get_script_prefix()}{quote(repository.name)}/changeset/{comment.raw_id}"
        thread = f"changeset-{repository.pk}-{comment.raw_id}"
        fallback = ""
    text = comment.text if comment is not None else fallback
    vote = comment.statuses.first() if comment is not None and event != "updated" else None  # "under review" again
    name = _plain(visible(author.full_name or author.username)) if author is not None else "Kallithea"
    context = {
        "sentence": SENTENCES[event] % {"actor": name},
        "title": visible(subject),
        "vote": vote.get_status_display() if vote is not None else "",
        "place": f"{visible(comment.path)}:{comment.line or ''}".rstrip(":") if comment and comment.path else "",
        "text": visible(text),
        "html": markdown(text),
        "link": settings.SITE_URL + path + (f"#comment-{comment.pk}" if comment is not None else ""),
    }
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    root = f"<{thread}@{host}>"
    own = root if event == "opened" else f"<{thread}-{event}-{_mark(event, pull_request, comment)}@{host}>"
    headers = {
        "Message-ID": own,
        "List-Id": f"{_phrase(repository.name)} <{repository.pk}.repositories.{host}>",
        "List-Archive": f"<{settings.SITE_URL}{get_script_prefix()}{quote(repository.name)}>",
        "Auto-Submitted": "auto-generated",
        "Precedence": "list",
    }
    if own != root:
        headers |= {"In-Reply-To": root, "References": root}
    mail = EmailMultiAlternatives(
        subject=_plain(visible(subject)),
        body=render_to_string("reviews/mail.txt", context),
        from_email=formataddr((name, settings.DEFAULT_FROM_EMAIL)),
        to=[user.email or ""],
        headers=headers,
    )
    mail.attach_alternative(render_to_string("reviews/mail.html", context), "text/html")
    return mail


def _mark(event: str, pull_request: PullRequest | None, comment: Comment | None) -> str:
    """What tells this message from others of its thread, the same in every attempt to send it."""
    if comment is not None:
        return str(comment.pk)
    assert pull_request is not None
    state = pull_request.moved_to if event == "moved" else pull_request.updated_on.isoformat()
    return hashlib.sha256(f"{event} {state}".encode()).hexdigest()[:16]


def _phrase(text: str) -> str:
    """Words before an address, encoded by themselves: else all of the header is, and no filter finds the address."""
    text = _plain(text)
    return text if text.isascii() else Header(text, "utf-8").encode(linesep="")


def _plain(text: str) -> str:
    """One line for a header."""
    return " ".join(text.split())
