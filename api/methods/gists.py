"""Methods about gists."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError

from accounts.actors import Actor
from accounts.models import User
from api import lookups
from api.errors import ApiError
from api.method import ApiNamespace, Id, JsonObject, unpacked
from api.serializers import local_iso
from repos.models import Gist
from repos.services import gists

namespace = ApiNamespace()

TYPES = ("public", "private")


def _gist(actor: Actor, gistid: Any) -> Gist:
    """A gist that the actor owns (any, for administrators), by access id: the number of a public one."""
    found = None
    if isinstance(gistid, int | str) and not isinstance(gistid, bool):
        found = Gist.objects.all().owned_by(actor).filter(access_id=str(gistid)).first()
    if found is None:
        raise ApiError(f"gist `{gistid}` does not exist")
    return found


def gist_data(gist: Gist, site: str) -> JsonObject:
    """A gist as the API answers it; ``expires`` in seconds since 1970, -1 for never."""
    return {
        "gist_id": gist.pk,
        "type": "public" if gist.is_public else "private",
        "access_id": gist.access_id,
        "description": gist.description,
        "url": f"{site}/_admin/gists/{gist.access_id}",
        "expires": gist.expires_on.timestamp() if gist.expires_on else -1.0,
        "created_on": local_iso(gist.created_on),
    }


@namespace.method()
def get_gist(actor: Actor, gistid: Id, *, site: str) -> JsonObject:
    """Show a gist, an expired one too.

    Needs: to be its owner, or administrator rights.

    Args:
        gistid: the gist's access id; for a public one that is its number.

    Returns:
        ``gist_id``, ``type`` (``public`` or ``private``), ``access_id``, ``description``, ``url``, ``expires`` (seconds
        since 1970, -1 for never), ``created_on``.

    Raises:
        gist `x` does not exist: unknown, or somebody else's.
    """
    return gist_data(_gist(actor, gistid), site)


@namespace.method()
def get_gists(actor: Actor, userid: Id = None, *, site: str) -> list[JsonObject]:
    """List a user's gists that have not expired, newest first.

    Needs: any valid key; administrator rights to list those of others.

    Args:
        userid: user name or number, of yourself your number; the caller when not given.

    Returns:
        A list of gists as ``get_gist`` answers them.

    Raises:
        userid is not the same as your user: only administrators may ask for others.
        user `x` does not exist: no such user.
    """
    if userid is not None and not actor.is_admin and str(userid) != str(actor.user.pk):
        raise ApiError("userid is not the same as your user")  # recorded: not even one's own name will do
    owner = lookups.account(actor, userid)
    return [gist_data(gist, site) for gist in Gist.objects.current().owned_by(actor).filter(owner=owner)]


@namespace.method(failure="failed to create gist")
def create_gist(
    actor: Actor,
    files: Any,
    owner: Id = None,
    gist_type: str = "public",
    lifetime: int = -1,
    description: str = "",
    *,
    site: str,
) -> JsonObject:
    """Create a gist.

    Needs: any valid key; administrator rights to create one for somebody else.

    Args:
        files: an object, name -> ``{"content": text, "lexer": name}``; the lexer is optional and guessed anyway.
        owner: user name or number of the owner; the caller when not given.
        gist_type: ``public``, or ``private`` for one that only those who know its address find.
        lifetime: minutes after which it is gone, -1 for never.
        description: a line about it.

    Returns:
        ``msg`` and ``gist``, as ``get_gist`` answers it.

    Raises:
        failed to create gist: wrong files, type or lifetime, or no such owner.
        Only Kallithea admin can specify `owner` param: another one than yourself.
    """
    if not (owner is None or actor.is_admin or lookups.is_own(actor, owner)):
        raise PermissionDenied("Only Kallithea admin can specify `owner` param")
    gist_owner = lookups.find(User.objects.all(), actor.user.pk if owner is None else owner, "username")
    if gist_owner is None or gist_type not in TYPES:
        raise ValidationError("no such user or type")
    gist = gists.create(
        actor=actor,
        owner=gist_owner,
        files=_contents(unpacked(files)),
        is_public=gist_type == "public",
        lifetime=lifetime,
        description=description,
    )
    return {"msg": "created new gist", "gist": gist_data(gist, site)}


def _contents(files: Any) -> dict[str, str]:
    if not isinstance(files, dict) or not all(
        isinstance(file, dict) and isinstance(file.get("content"), str) for file in files.values()
    ):
        raise ValidationError("files must be an object of objects with a content")
    return {name: file["content"] for name, file in files.items()}


@namespace.method()
def delete_gist(actor: Actor, gistid: Id) -> JsonObject:
    """Delete a gist with its files.

    Needs: to be its owner, or administrator rights.

    Args:
        gistid: the gist's access id; for a public one that is its number.

    Returns:
        ``msg``, and ``gist``: null.

    Raises:
        gist `x` does not exist: unknown, or somebody else's.
    """
    gist = _gist(actor, gistid)
    gists.delete(actor=actor, gist=gist)
    return {"msg": f"deleted gist ID:{gist.access_id}", "gist": None}
