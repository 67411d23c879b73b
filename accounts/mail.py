"""Short messages about accounts. (Those about reviews are ``reviews.notifications``.)"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import User

logger = logging.getLogger(__name__)

THREAD = "mail"  # the name of each that sends


def send(template: str, subject: str, users: Iterable[User], **context: object) -> None:
    """Send each of ``users`` who has an address the text of ``template``, after the commit and beside the request.

    How long the mail server takes would tell a stranger whether there is such an account.
    """
    text = render_to_string(template, context)
    messages = [EmailMessage(subject, text, to=[user.email]) for user in users if user.email]
    transaction.on_commit(threading.Thread(target=_deliver, args=(messages,), name=THREAD, daemon=True).start)


def _deliver(messages: list[EmailMessage]) -> None:
    for message in messages:
        try:
            message.send()
        except (SMTPException, OSError) as error:
            logger.warning(
                "mail to %s was not taken and is kept in %s: %s", message.to, settings.EMAIL_FILE_PATH, error
            )
            get_connection("django.core.mail.backends.filebased.EmailBackend").send_messages([message])
