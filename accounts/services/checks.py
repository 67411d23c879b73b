"""Checks that the services of this package share."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import EmailAddress, User

LONGEST_NAME = 255
#: Unicode categories that make names look like others or break lines: controls, invisible formats, separators.
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def require_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise PermissionDenied("access denied: administrator rights are needed")


def require_voice(actor: Actor) -> None:
    if not actor.has_voice:
        raise PermissionDenied(_("This needs a signed-in user with more than a read-only key."))


def require_account(actor: Actor, user: User) -> None:
    """The user himself, with a session or an unrestricted key, or an administrator."""
    own = actor.user == user and not actor.is_anonymous and (actor.key is None or actor.key.is_unrestricted)
    if not own and not actor.is_admin:
        raise PermissionDenied("access denied: not your account")


def require_secrets(actor: Actor, user: User) -> None:
    """Who may see, make and replace a user's keys and password: as for the account, and with no limited key."""
    require_account(actor, user)
    if not actor.may_handle_keys:
        raise PermissionDenied("access denied: a limited key cannot manage keys or passwords")


def require_real(user: User) -> None:
    """Refuse the default user."""
    if user.is_default:
        raise ValidationError({"user": _("The default user cannot be changed.")}, code="default")


@contextmanager
def writing() -> Iterator[None]:
    """One transaction; a clash with what another request has just written is a ``ValidationError`` too."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise ValidationError(_("Somebody else has just taken that."), code="unique") from error


def invalid(field: str, message: str, code: str = "invalid") -> ValidationError:
    return ValidationError({field: ValidationError(message, code=code)})


def is_taken(error: ValidationError, field: str) -> bool:
    """Whether a service refused because the value of ``field`` belongs to somebody else."""
    errors: dict[str, list[ValidationError]] = getattr(error, "error_dict", {})
    return any(one.code == "unique" for one in errors.get(field, ()))


def check_name(field: str, name: str) -> None:
    """A new name of a user or user group. What was imported may be odder; only what changes is checked.

    Digits alone would never be found again: the API takes them for a number.
    """
    if not name or name != name.strip():
        raise invalid(field, _("A name is needed, without spaces around it."))
    if len(name) > LONGEST_NAME:
        raise invalid(field, _("A name has at most %d characters.") % LONGEST_NAME)
    if name.isdecimal():
        raise invalid(field, _("A name cannot be digits only: it would be taken for a number."))
    if any(unicodedata.category(character) in UNSEEN for character in name):
        raise invalid(field, _("A name cannot contain control characters."))


def clean_line(field: str, value: str) -> str:
    """One line of text, such as a first name."""
    if len(value) > LONGEST_NAME or any(unicodedata.category(character) in UNSEEN for character in value):
        raise invalid(field, _("One line of at most %d characters is needed.") % LONGEST_NAME)
    return value


def clean_email(email: str | None) -> str | None:
    """Lower case as stored; empty is none. Kallithea never looked at its form, and imported ones must stay valid."""
    address = clean_line("email", (email or "").strip()).lower()
    if address.isdecimal():
        raise invalid("email", _("A number is not an e-mail address."))
    return address or None


def check_email_free(email: str, user: User | None) -> None:
    """Raise unless no other user has ``email``, as main or further address."""
    others: dict[str, Any] = {} if user is None else {"pk": user.pk}
    owners: dict[str, Any] = {} if user is None else {"user": user}
    if (
        User.objects.exclude(**others).filter(email__iexact=email).exists()
        or EmailAddress.objects.exclude(**owners).filter(email__iexact=email).exists()
    ):
        raise invalid("email", _("This e-mail address belongs to somebody else."), "unique")
