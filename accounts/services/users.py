"""Accounts: made, changed, deleted."""

from __future__ import annotations

import unicodedata

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import ProtectedError
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import journal, mail
from accounts.actors import Actor
from accounts.authentication import LONGEST_PASSWORD
from accounts.counting import one_more
from accounts.models import ApiKey, User, new_api_key
from accounts.services import checks, defaults

INTERNAL = "internal"
MESSAGES_KEY, MESSAGES_WINDOW, MOST_MESSAGES = "registration-messages", 3600, 20  # seconds, messages in them


def create(
    *,
    actor: Actor,
    username: str,
    email: str | None = None,
    password: str | None = None,
    firstname: str = "",
    lastname: str = "",
    active: bool = True,
    admin: bool = False,
    extern_type: str = INTERNAL,
    extern_name: str = "",
) -> User:
    """Make a user with a built-in API key. Without a password nobody can sign in with one."""
    checks.require_admin(actor)
    if admin and not actor.may_handle_keys:
        raise PermissionDenied("access denied: a limited key cannot make administrators")
    user = User(is_active=active, is_admin=admin)
    with checks.writing():
        _fill(user, username, email, password, firstname, lastname, extern_type, extern_name)
        user.save()
        add_builtin_key(user)
        journal.record(actor, "create_user", user, admin=admin, active=active)
    return user


def register(
    *, username: str, email: str, password: str, firstname: str = "", lastname: str = "", address: str = ""
) -> User:
    """Make an account for a visitor: active at once or after an administrator has looked, as the site allows.

    Raises:
        PermissionDenied: nobody may register.
        ValidationError: a value is not possible.
    """
    rule = defaults.current()["hg.register"]
    if rule == "hg.register.none":
        raise PermissionDenied("access denied: this site takes no registrations")
    user = User(is_active=rule == "hg.register.auto_activate")
    with checks.writing():
        _fill(user, username, email, password, firstname, lastname, INTERNAL, "")
        user.save()
        add_builtin_key(user)
        journal.record(Actor(user=user, address=address), "register", user, active=user.is_active)
        if not user.is_active:
            _ask_administrators(user)
    return user


def _ask_administrators(user: User) -> None:
    """Tell those who can activate the account; not without end, because strangers cause these messages."""
    if one_more(MESSAGES_KEY, MESSAGES_WINDOW) > MOST_MESSAGES:
        return
    with translation.override(settings.LANGUAGE_CODE):
        mail.send(
            "accounts/registered_mail.txt",
            _("Somebody has registered"),
            User.objects.filter(is_active=True, is_admin=True),
            user=user,
            link=settings.SITE_URL + reverse("admin:accounts_user_change", args=(user.pk,)),
        )


def _tell_of_activation(user: User) -> None:
    """Who has never been in waits for it."""
    with translation.override(settings.LANGUAGE_CODE):
        link = settings.SITE_URL + reverse("login")
        mail.send("accounts/activated_mail.txt", _("Your account is active"), [user], user=user, link=link)


def add_builtin_key(user: User, value: str | None = None) -> ApiKey:
    """Give a user its built-in key; part of the transaction that makes the user."""
    key = ApiKey(user=user, is_builtin=True)
    key.set_value(value or new_api_key())
    key.save()
    return key


def update(
    *,
    actor: Actor,
    user: User,
    username: str | None = None,
    email: str | None = None,
    password: str | None = None,
    firstname: str | None = None,
    lastname: str | None = None,
    active: bool | None = None,
    admin: bool | None = None,
    extern_type: str | None = None,
    extern_name: str | None = None,
) -> User:
    """Change what is given; ``None`` leaves it alone, an empty password too, an empty ``email`` takes it away.

    Users may change their own names, e-mail address and password; the rest is for administrators.
    """
    if any(value is not None for value in (username, active, admin, extern_type, extern_name)):
        checks.require_admin(actor)
    checks.require_account(actor, user)
    moves = email is not None and email.strip().lower() != (user.email or "")
    if password or admin or moves:  # whoever has the address can have a new password sent to it
        checks.require_secrets(actor, user)
    checks.require_real(user)
    before = _facts(user)
    with checks.writing():
        if (active is False or admin is False) and _is_last_admin(user):
            raise checks.invalid("admin", _("This is the last active administrator."), "last")
        user.is_active = user.is_active if active is None else active
        user.is_admin = user.is_admin if admin is None else admin
        _fill(user, username, email, password, firstname, lastname, extern_type, extern_name)
        user.save()
        if user.email is not None:  # it has become the main one
            user.extra_emails.filter(email__iexact=user.email).delete()
        changed: list[str] = sorted(name for name, value in _facts(user).items() if before[name] != value)
        journal.record(actor, "update_user", user, changed=changed, was=before["username"])
        if user.is_active and not before["is_active"] and user.last_login is None:
            _tell_of_activation(user)
    return user


def delete(*, actor: Actor, user: User) -> None:
    """Delete a user with keys, grants and memberships.

    Raises:
        ValidationError: the default user, the last administrator, or an owner of repositories, groups or pull requests.
    """
    checks.require_admin(actor)
    checks.require_real(user)
    with checks.writing():
        if _is_last_admin(user):
            raise checks.invalid("user", _("This is the last active administrator."), "last")
        journal.record(actor, "delete_user", user)
        try:
            user.delete()
        except ProtectedError as error:
            owned = ", ".join(sorted(str(thing) for thing in error.protected_objects)[:10])
            raise checks.invalid("user", _("The user still owns: %s") % owned, "owner") from error


def _fill(
    user: User,
    username: str | None,
    email: str | None,
    password: str | None,
    firstname: str | None,
    lastname: str | None,
    extern_type: str | None,
    extern_name: str | None,
) -> None:
    """Check and set what is given."""
    if username is not None and (user.pk is None or username != user.username):
        checks.check_name("username", username)
        _check_name_free(username, user)
        user.username = username
    if email is not None:
        user.email = checks.clean_email(email)
        if user.email is not None:
            checks.check_email_free(user.email, user if user.pk else None)
    for field, value in {"firstname": firstname, "lastname": lastname, "extern_name": extern_name}.items():
        if value is not None:
            setattr(user, field, checks.clean_line(field, value))
    if extern_type is not None:
        user.extern_type = checks.clean_line("extern_type", extern_type) or INTERNAL
    if password and len(password) > LONGEST_PASSWORD:
        raise checks.invalid("password", _("A password has at most %d characters.") % LONGEST_PASSWORD)
    if password or not user.pk:
        user.set_password(password or None)


def _check_name_free(username: str, user: User) -> None:
    """Compared as people read: the database's idea of case ends at ASCII in places."""
    wanted = _folded(username)
    for taken in User.objects.exclude(pk=user.pk).order_by().values_list("username", flat=True).iterator():
        if _folded(taken) == wanted:
            raise checks.invalid("username", _("This name is taken."), "unique")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _is_last_admin(user: User) -> bool:
    admins = User.objects.filter(is_admin=True, is_active=True)
    return admins.filter(pk=user.pk).exists() and not admins.exclude(pk=user.pk).exists()


def _facts(user: User) -> dict[str, object]:
    names = ("username", "email", "password", "firstname", "lastname", "is_active", "is_admin")
    return {name: getattr(user, name) for name in (*names, "extern_type", "extern_name")}
