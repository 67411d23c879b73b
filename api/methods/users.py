"""Methods about users, their addresses and e-mail addresses, and what they have done."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects

from accounts.actors import Actor
from accounts.models import JournalEntry, User
from accounts.permissions import DEFAULT_USER_ID
from accounts.services import addresses, checks, emails, users
from api import lookups
from api.errors import ApiError
from api.method import ApiNamespace, Id, JsonObject
from api.paging import EVERYTHING, first, window
from api.serializers import USER_PREFETCH, journal_data, permissions_data, user_data
from repos.models import Repository

namespace = ApiNamespace()


@namespace.method()
def get_user(actor: Actor, userid: Id = None) -> JsonObject:
    """Get a user with what he may do.

    Needs: your own account; administrator rights for others.

    Args:
        userid: user name or number; the caller when not given.

    Returns:
        The user: ``user_id``, ``username``, ``firstname``, ``lastname``, ``email``, ``emails`` (the main address
        first), ``active``, ``admin``, ``api_key`` and ``ip_addresses`` (null unless you are an administrator or this
        user), ``extern_type``, ``extern_name``, ``ldap_dn``, ``last_login``, and ``permissions``: ``global`` (a list),
        ``repositories``, ``repositories_groups`` and ``user_groups`` (name to level, such as ``repository.write``).

    Raises:
        user `x` does not exist: no such user.
        userid is not the same as your user: asked for somebody else without administrator rights.
    """
    user = lookups.account(actor, userid)
    subject = actor if user == actor.user else Actor(user=user)
    return _answer(actor, user) | {"permissions": permissions_data(subject)}


def _answer(actor: Actor, user: User) -> JsonObject:
    prefetch_related_objects([user], *USER_PREFETCH)
    return user_data(actor, user)


@namespace.method(admin=True)
def get_users(actor: Actor, page: int | None = None, per_page: int | None = None) -> list[JsonObject]:
    """List all users by name.

    Needs: administrator rights.

    Args:
        page: with ``per_page``: which page of the answer, from 1.
        per_page: users on a page, 100 when only ``page`` is given.

    Returns:
        A list of users as in ``get_user``, without ``permissions``.
    """
    everybody = User.objects.exclude(pk=DEFAULT_USER_ID).prefetch_related(*USER_PREFETCH)
    part = window(page, per_page)
    if part != EVERYTHING:
        names = sorted(everybody.order_by().values_list("username", flat=True))
        everybody = everybody.filter(username__in=names[part])
    return [user_data(actor, user) for user in sorted(everybody, key=lambda user: user.username)]


@namespace.method(admin=True, failure="failed to create user `{username}`")
def create_user(
    actor: Actor,
    username: str,
    email: str | None,
    password: str = "",
    firstname: str = "",
    lastname: str = "",
    active: bool = True,
    admin: bool = False,
    extern_type: str = "internal",
    extern_name: str = "",
    ldap_dn: str = "",
) -> JsonObject:
    """Create a user with an API key of its own.

    Needs: administrator rights.

    Args:
        username: name to sign in with; differs from all others by more than case, and is not digits alone.
        email: main e-mail address, kept in lower case; may be empty.
        password: without one the user cannot sign in with a password.
        firstname: first name.
        lastname: last name.
        active: whether the user may do anything.
        admin: whether the user is an administrator.
        extern_type: where the user signs in: ``internal`` or the name of another source.
        extern_name: the user's name there.
        ldap_dn: the same as extern_type ``ldap`` and this extern_name.

    Returns:
        ``msg``; ``user`` as in ``get_users``.

    Raises:
        user `x` already exist: the name is taken, in any case.
        email `x` already exist: the address belongs to somebody.
        failed to create user `x`: a value cannot be used.
    """
    try:
        user = users.create(
            actor=actor,
            username=username,
            email=email,
            password=password,
            firstname=firstname,
            lastname=lastname,
            active=active,
            admin=admin,
            extern_type="ldap" if ldap_dn else extern_type,
            extern_name=ldap_dn or extern_name,
        )
    except ValidationError as error:
        if checks.is_taken(error, "username"):
            raise ApiError(f"user `{username}` already exist") from error
        if checks.is_taken(error, "email"):
            raise ApiError(f"email `{email}` already exist") from error
        raise
    return {"msg": f"created new user `{user.username}`", "user": _answer(actor, user)}


def _editable(actor: Actor, userid: Id) -> User:
    user = lookups.user(userid)
    if user.is_default:
        raise ApiError("editing default user is forbidden")
    return user


@namespace.method(admin=True, failure="failed to update user `{userid}`", target=_editable)
def update_user(
    actor: Actor,
    userid: Id,
    username: str | None = None,
    email: str | None = None,
    password: str | None = None,
    firstname: str | None = None,
    lastname: str | None = None,
    active: bool | None = None,
    admin: bool | None = None,
    extern_type: str | None = None,
    extern_name: str | None = None,
    ldap_dn: str | None = None,
) -> JsonObject:
    """Change a user; what is not given stays.

    Needs: administrator rights.

    Args:
        userid: user name or number.
        username: new name.
        email: new main e-mail address.
        password: new password; keys stay as they are.
        firstname: first name.
        lastname: last name.
        active: whether the user may do anything.
        admin: whether the user is an administrator.
        extern_type: where the user signs in.
        extern_name: the user's name there.
        ldap_dn: the same as extern_type ``ldap`` and this extern_name.

    Returns:
        ``msg``; ``user`` as in ``get_users``.

    Raises:
        user `x` does not exist: no such user.
        editing default user is forbidden: the user ``default``.
        failed to update user `x`: a value cannot be used or is taken.
    """
    user = _editable(actor, userid)
    users.update(
        actor=actor,
        user=user,
        username=username,
        email=email,
        password=password,
        firstname=firstname,
        lastname=lastname,
        active=active,
        admin=admin,
        extern_type="ldap" if ldap_dn else extern_type,
        extern_name=ldap_dn or extern_name,
    )
    return {"msg": f"updated user ID:{user.pk} {user.username}", "user": _answer(actor, user)}


@namespace.method(admin=True)
def delete_user(actor: Actor, userid: Id) -> JsonObject:
    """Delete a user with keys, permissions and memberships.

    Needs: administrator rights.

    Args:
        userid: user name or number.

    Returns:
        ``msg``; ``user``: null.

    Raises:
        user `x` does not exist: no such user.
        failed to delete user ID:3 x: owns repositories, groups or pull requests, is the last administrator or default.
    """
    user = lookups.user(userid)
    number, name = user.pk, user.username
    try:
        users.delete(actor=actor, user=user)
    except ValidationError as error:
        raise ApiError(f"failed to delete user ID:{number} {name}", data=error.messages) from error
    return {"msg": f"deleted user ID:{number} {name}", "user": None}


# -- addresses -----------------------------------------------------------------------------------------------------


@namespace.method(admin=True)
def add_user_ip(actor: Actor, userid: Id, ip_addr: str) -> JsonObject:
    """Allow a user to come from an address; with the first one, no others are allowed any more.

    Needs: administrator rights.

    Args:
        userid: user name or number; ``default`` is everybody.
        ip_addr: address or network, such as ``10.0.0.0/8``.

    Returns:
        ``msg``; ``ip_addr``: as stored; ``ip_addresses``: all of this user.

    Raises:
        user `x` does not exist: no such user.
        Not an IP address or network: cannot be read.
    """
    user = lookups.user(userid)
    row = addresses.add(actor=actor, user=user, cidr=ip_addr)
    return {"msg": f"added ip `{row.cidr}` to user `{user.username}`", "ip_addr": row.cidr, **_addresses(user)}


@namespace.method(admin=True)
def remove_user_ip(actor: Actor, userid: Id, ip_addr: str) -> JsonObject:
    """Take an allowed address away; without any, all are allowed.

    Needs: administrator rights.

    Args:
        userid: user name or number; ``default`` is everybody.
        ip_addr: address or network, as ``get_ip`` shows it.

    Returns:
        ``msg``; ``ip_addresses``: what is left.

    Raises:
        user `x` does not exist: no such user.
        x is not among the allowed addresses.: it is not there.
    """
    user = lookups.user(userid)
    addresses.remove(actor=actor, user=user, cidr=ip_addr)
    return {"msg": f"removed ip `{ip_addr}` from user `{user.username}`", **_addresses(user)}


def _addresses(user: User) -> JsonObject:
    return {"ip_addresses": [row.cidr for row in user.ip_ranges.all()]}


@namespace.method()
def add_user_email(actor: Actor, userid: Id, email: str) -> JsonObject:
    """Give a user a further e-mail address, by which changesets are recognised.

    Needs: your own account; administrator rights for others.

    Args:
        userid: user name or number.
        email: the address.

    Returns:
        ``msg``; ``emails``: all of this user, the main one first.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
        email `x` already exist: it belongs to somebody.
    """
    user = lookups.account(actor, userid)
    try:
        row = emails.add(actor=actor, user=user, email=email)
    except ValidationError as error:
        if checks.is_taken(error, "email"):
            raise ApiError(f"email `{email}` already exist") from error
        raise
    return {"msg": f"added email `{row.email}` to user `{user.username}`", **_emails(user)}


@namespace.method()
def remove_user_email(actor: Actor, userid: Id, email: str) -> JsonObject:
    """Take a further e-mail address away from a user; the main one is changed by ``update_user``.

    Needs: your own account; administrator rights for others.

    Args:
        userid: user name or number.
        email: the address.

    Returns:
        ``msg``; ``emails``: what is left, the main one first.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
        x is not among the further addresses.: it is not there.
    """
    user = lookups.account(actor, userid)
    emails.remove(actor=actor, user=user, email=email)
    return {"msg": f"removed email `{email}` from user `{user.username}`", **_emails(user)}


def _emails(user: User) -> JsonObject:
    return {"emails": [user.email, *(row.email for row in user.extra_emails.all())]}


# -- the journal ---------------------------------------------------------------------------------------------------


@namespace.method()
def get_user_audit_logs(
    actor: Actor, userid: Id = None, limit: int = 100, before: int | None = None
) -> list[JsonObject]:
    """What a user has done, newest first.

    Needs: your own account; administrator rights for others.

    Args:
        userid: user name or number; the caller when not given.
        limit: how many entries, at most 1000.
        before: only entries older than the one with this number.

    Returns:
        A list of ``entry_id``, ``username``, ``action``, ``subject_type``, ``subject_id``, ``subject_name``, ``data``,
        ``ip_addr``, ``created_on``.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
    """
    entries = JournalEntry.objects.filter(user=lookups.account(actor, userid)).order_by("-pk")
    if actor.is_bound:
        visible = Repository.objects.all().visible_to(actor).values("pk")
        entries = entries.filter(subject_type="repository", subject_id__in=visible)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    return [journal_data(entry) for entry in entries[first(limit)]]
