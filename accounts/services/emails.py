"""Further e-mail addresses of a user, by which the authors of changesets are recognised."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import EmailAddress, User
from accounts.services import checks


def add(*, actor: Actor, user: User, email: str) -> EmailAddress:
    checks.require_account(actor, user)
    checks.require_real(user)
    address = checks.clean_email(email)
    if address is None:
        raise checks.invalid("email", _("An e-mail address is needed."))
    with checks.writing():
        checks.check_email_free(address, None)
        row = EmailAddress.objects.create(user=user, email=address)
        journal.record(actor, "add_user_email", user, email=address)
    return row


def remove(*, actor: Actor, user: User, email: str) -> None:
    """Take a further address away; the main one is changed with the user."""
    checks.require_account(actor, user)
    with checks.writing():
        if not user.extra_emails.filter(email__iexact=email.strip()).delete()[0]:
            raise checks.invalid("email", _("%s is not among the further addresses.") % email, "absent")
        journal.record(actor, "remove_user_email", user, email=email.strip().lower())
