"""The link with which somebody sets a new password, asked for by that person or sent by an administrator."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from accounts import journal, mail
from accounts.actors import Actor
from accounts.models import User
from accounts.services import checks, users

BETWEEN_LINKS = 60  # seconds; nobody fills somebody else's mailbox


def ask_for_link(email: str) -> None:
    """Send a link to ``email``, if it is the main address of somebody who may have one; nobody learns whether it is."""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None and _may_have_one(user) and cache.add(f"link-sent:{user.pk}", True, BETWEEN_LINKS):
        _send(user)


def send_link(*, actor: Actor, user: User) -> None:
    """Send it to the main address.

    Raises:
        PermissionDenied: for administrators only.
        ValidationError: there is no address, or no password to set.
    """
    checks.require_admin(actor)
    checks.require_secrets(actor, user)
    if not _may_have_one(user):
        raise ValidationError(_("Only an active user who signs in here and has an e-mail address can be sent a link."))
    journal.record(actor, "send_password_link", user)
    _send(user)


def _may_have_one(user: User) -> bool:
    """Whoever signs in elsewhere has no password here."""
    return bool(user.email) and user.is_active and user.extern_type == users.INTERNAL and not user.is_default


def _send(user: User) -> None:
    """With the address of the site that its settings name: what a request says may come from a stranger."""
    uid, token = urlsafe_base64_encode(str(user.pk).encode()), default_token_generator.make_token(user)
    link = settings.SITE_URL + reverse("password_reset_confirm", args=(uid, token))
    mail.send("accounts/password_mail.txt", _("A new password"), [user], user=user, link=link)
