"""Sending notices, in the background where there is a broker."""

from __future__ import annotations

import logging
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.core.mail import get_connection
from django.utils import translation

from accounts.models import User
from reviews import notifications
from reviews.models import Comment, PullRequest

logger = logging.getLogger(__name__)

#: Set while the mail server does not answer and there is no worker: nobody waits for it again and again.
DOWN = "reviews-mail-server-down"
DOWN_FOR = 60  # seconds

RETRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = 30, 3600  # seconds before another attempt, doubled each time


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def notify(
    event: str,
    author_id: int | None,
    pull_request_id: int | None = None,
    comment_id: int | None = None,
    only: list[int] | None = None,
) -> None:
    """Find out whom to tell, and send each message as a task of its own, so that a retry tells nobody twice."""
    found = _load(author_id, pull_request_id, comment_id)
    if found is None:
        return
    for user in notifications.recipients(event, *found, only):
        send.delay(event, author_id, user.pk, pull_request_id, comment_id)


@shared_task(bind=True, ignore_result=True, max_retries=RETRIES)  # type: ignore[untyped-decorator]
def send(
    self: Any,
    event: str,
    author_id: int | None,
    user_id: int,
    pull_request_id: int | None = None,
    comment_id: int | None = None,
) -> None:
    """Send one message. Sent twice it has the same Message-ID, which mail programs show once.

    A message that the mail server does not take, however often it is tried, is written to the folder. Without a worker
    there is one attempt only, because somebody waits for the page.
    """
    found = _load(author_id, pull_request_id, comment_id)
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if found is None or user is None or not user.email:
        return
    author, pull_request, comment = found
    with translation.override(settings.LANGUAGE_CODE):  # not that of the page whose form this was
        mail = notifications.message(event, author, user, pull_request, comment)
    is_waited_for = self.request.is_eager
    try:
        if is_waited_for and cache.get(DOWN):
            raise ConnectionError("the mail server did not answer a moment ago")
        mail.send()
    except (SMTPException, OSError) as error:
        attempts = self.request.retries
        if is_waited_for:
            if not isinstance(error, SMTPRecipientsRefused):
                cache.add(DOWN, True, DOWN_FOR)
        elif attempts < RETRIES:
            raise self.retry(exc=error, countdown=min(FIRST_PAUSE * 2**attempts, LONGEST_PAUSE)) from error
        logger.warning("mail to user %s was not taken and is kept in %s: %s", user.pk, settings.EMAIL_FILE_PATH, error)
        get_connection("django.core.mail.backends.filebased.EmailBackend").send_messages([mail])


def _load(
    author_id: int | None, pull_request_id: int | None, comment_id: int | None
) -> tuple[User | None, PullRequest | None, Comment | None] | None:
    """``None`` when something of it has been deleted since."""
    author = User.objects.filter(pk=author_id).first() if author_id is not None else None
    pull_request = comment = None
    if pull_request_id is not None:
        pull_request = PullRequest.objects.select_related("target", "origin").filter(pk=pull_request_id).first()
    if comment_id is not None:
        comment = Comment.objects.present().select_related("repository").filter(pk=comment_id).first()
    gone = (pull_request_id is not None and pull_request is None) or (comment_id is not None and comment is None)
    gone = gone or (author_id is not None and author is None)
    return None if gone else (author, pull_request, comment)
