"""Which notices a user wants by e-mail."""

from __future__ import annotations

from django.db import transaction

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.services import checks
from reviews.models import MailPreference


def prefer(*, actor: Actor, choice: MailPreference.Choice, user: User | None = None) -> MailPreference:
    """For the actor, or for ``user``.

    Raises:
        PermissionDenied: for somebody else without administrator rights, or with a limited key.
    """
    user = user or actor.user
    checks.require_account(actor, user)
    with transaction.atomic():
        preference, _made = MailPreference.objects.update_or_create(user=user, defaults={"choice": choice})
        journal.record(actor, "set_mail_preference", user, choice=str(choice))
    return preference
