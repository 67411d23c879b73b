"""Methods about API keys."""

from __future__ import annotations

from typing import Any

from accounts.actors import Actor
from accounts.models import ApiKey
from accounts.permissions import Level
from accounts.services import keys
from api import lookups
from api.errors import ApiError
from api.method import ApiNamespace, Id, JsonObject
from api.serializers import local_iso
from repos.models import Repository, RepositoryGroup

namespace = ApiNamespace()

LEVELS = {"read": Level.READ, "write": Level.WRITE, "admin": Level.ADMIN}


@namespace.method()
def get_api_keys(actor: Actor, userid: Id = None) -> list[JsonObject]:
    """List a user's API keys; the keys themselves are not shown.

    Needs: your own account; administrator rights for others; no key that is limited in any way.

    Args:
        userid: user name or number; the caller when not given.

    Returns:
        A list, the built-in key first: ``api_key_id``, ``description``, ``builtin``, ``scopes``, ``ip_range``,
        ``created_on``, ``expires_on`` (null is never), ``expired``, ``last_used_on``, ``last_used_from``.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
    """
    rows = keys.of(actor, lookups.account(actor, userid))
    # The name of a place that the caller may see no more is not told, as of one that is gone.
    repositories = Repository.objects.visible_to(actor).in_bulk([row.repository_id or 0 for row in rows])
    groups = RepositoryGroup.objects.visible_to(actor).in_bulk([row.group_id or 0 for row in rows])
    return [_key_data(row, repositories, groups) for row in rows]


def _key_data(key: ApiKey, repositories: dict[Any, Repository], groups: dict[Any, RepositoryGroup]) -> JsonObject:
    scopes = [Level(key.level).label]
    if key.repository_id is not None:
        scopes.append(f"repository:{repositories.get(key.repository_id, '')}")
    if key.group_id is not None:
        scopes.append(f"group:{groups.get(key.group_id, '')}")
    return {
        "api_key_id": key.pk,
        "description": key.description,
        "builtin": key.is_builtin,
        "scopes": scopes,
        "ip_range": key.ip_range or None,
        "created_on": local_iso(key.created_on),
        "expires_on": local_iso(key.expires_on),
        "expired": key.is_expired,
        "last_used_on": local_iso(key.last_used_on),
        "last_used_from": key.last_used_from or None,
    }


@namespace.method()
def create_api_key(
    actor: Actor,
    userid: Id,
    description: str = "",
    lifetime: int = keys.FOREVER,
    scopes: list[str] | None = None,
    ip_range: str = "",
) -> JsonObject:
    """Create a further API key. This answer is the only one that shows it.

    Needs: your own account; administrator rights for others; no key that is limited in any way.

    Args:
        userid: user name or number.
        description: what it is for.
        lifetime: minutes; -1 for ever, 0 or less than -1 is expired at once.
        scopes: what it is limited to, a list or text with commas: ``read``, ``write`` or ``admin`` for the most it may
            be used for, and ``repository:NAME`` or ``group:NAME`` for the only place. Nothing is no limit.
        ip_range: address or network, such as ``10.0.0.0/8``, that it may come from.

    Returns:
        ``msg``; ``api_key``: the key; ``api_key_id``: its number.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
        repository `x` does not exist: in a scope; also ``repository group``.
        unknown scope `x`: none of the above.
    """
    user = lookups.account(actor, userid)
    key = keys.create(
        actor=actor, user=user, description=description, lifetime=lifetime, ip_range=ip_range, **_scope(actor, scopes)
    )
    return {"msg": f"created api key for user `{user.username}`", "api_key": key.value, "api_key_id": key.pk}


def _scope(actor: Actor, scopes: list[str] | None) -> dict[str, Any]:
    """The scopes as the service takes them."""
    fields: dict[str, Any] = {}
    for scope in scopes or ():
        kind, colon, name = str(scope).partition(":")
        field, value = "", 0
        if not colon and kind in LEVELS:
            field, value = "level", LEVELS[kind]
        elif kind in ("repository", "repo") and name:
            field, value = "repository_id", lookups.repository(actor, name).pk
        elif kind == "group" and name:
            field, value = "group_id", lookups.repository_group(actor, name).pk
        else:
            raise ApiError(f"unknown scope `{scope}`")
        if field in fields:
            raise ApiError(f"scope `{scope}` contradicts another")
        fields[field] = value
    return fields


@namespace.method()
def revoke_api_key(actor: Actor, userid: Id, api_key: str | None = None, api_key_id: int | None = None) -> JsonObject:
    """Revoke a further API key; it opens nothing from now on. The built-in one can only be reset.

    Needs: your own account; administrator rights for others; no key that is limited in any way.

    Args:
        userid: user name or number.
        api_key: the key itself, or
        api_key_id: its number.

    Returns:
        ``msg``; ``api_key_id``.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
        api key does not exist: this user has no such key.
        The built-in key cannot be revoked, only reset.: it is the built-in one.
    """
    user = lookups.account(actor, userid)
    if (api_key is None) == (api_key_id is None):
        raise ApiError("either api_key or api_key_id is needed")
    found = ApiKey.objects.filter(user=user)
    found = found.filter(pk=api_key_id or 0) if api_key is None else found.matching(api_key)
    key = found.select_related("user").first()
    if key is None:
        raise ApiError("api key does not exist")
    number = key.pk
    keys.revoke(actor=actor, key=key)
    return {"msg": f"revoked api key ID:{number} of user `{user.username}`", "api_key_id": number}


@namespace.method()
def reset_api_key(actor: Actor, userid: Id = None) -> JsonObject:
    """Give a user's built-in API key a new value; the old one opens nothing from now on.

    Needs: your own account; administrator rights for others; no key that is limited in any way.

    Args:
        userid: user name or number; the caller when not given.

    Returns:
        ``msg``; ``api_key``: the new key; ``api_key_id``: its number.

    Raises:
        userid is not the same as your user: somebody else's, without administrator rights.
        user `x` does not exist: no such user.
    """
    user = lookups.account(actor, userid)
    key = keys.reset(actor=actor, user=user)
    return {"msg": f"reset api key of user `{user.username}`", "api_key": key.value, "api_key_id": key.pk}
