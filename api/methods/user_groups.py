"""Methods about user groups."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError

from accounts.actors import Actor
from accounts.models import UserGroup
from accounts.permissions import CREATE_USER_GROUP, Level
from accounts.services import user_groups
from api import lookups
from api.errors import ApiError
from api.language import described
from api.method import ApiNamespace, Id, JsonObject
from api.paging import window
from api.serializers import prefetch_members, user_group_data

namespace = ApiNamespace()


@namespace.method()
def get_user_group(actor: Actor, usergroupid: Id) -> JsonObject:
    """Get a user group with its members.

    Needs: read permission on the user group.

    Args:
        usergroupid: user group name or number.

    Returns:
        ``users_group_id``, ``group_name``, ``group_description``, ``active``, ``owner``, ``members`` (as in
        ``get_users``).

    Raises:
        user group `x` does not exist: unknown, or no permission.
    """
    return _answer(actor, lookups.user_group(actor, usergroupid))


@namespace.method()
def get_user_groups(actor: Actor, page: int | None = None, per_page: int | None = None) -> list[JsonObject]:
    """List the user groups that you may read.

    Needs: an account.

    Args:
        page: with ``per_page``: which page of the answer, from 1.
        per_page: user groups on a page, 100 when only ``page`` is given.

    Returns:
        A list of user groups as in ``get_user_group``.
    """
    groups = UserGroup.objects.all().visible_to(actor).select_related("owner").prefetch_related(prefetch_members())
    return [user_group_data(actor, group) for group in groups.order_by("pk")[window(page, per_page)]]


@namespace.method(failure="failed to create group `{group_name}`")
def create_user_group(
    actor: Actor, group_name: str, description: str = "", owner: Id = None, active: bool = True
) -> JsonObject:
    """Create a user group.

    Needs: the global permission hg.usergroup.create.true.

    Args:
        group_name: name of the group; not digits alone.
        description: what it is for.
        owner: user name or number; the caller when not given.
        active: whether its permissions count.

    Returns:
        ``msg``; ``user_group`` and ``users_group``: the group as in ``get_user_group``.

    Raises:
        access denied: you may not create user groups: hg.usergroup.create.true is missing.
        user group `x` already exist: the name is taken.
        user `x` does not exist: no such owner.
        failed to create group `x`: a value cannot be used.
    """
    if not actor.may(CREATE_USER_GROUP):
        raise PermissionDenied("access denied: you may not create user groups")
    if UserGroup.objects.filter(name=group_name).exists():
        raise ApiError(f"user group `{group_name}` already exist")
    group = user_groups.create(
        actor=actor,
        name=group_name,
        descriptions=described(description),
        owner=None if owner is None else lookups.user(owner),
        active=active,
    )
    data = _answer(actor, group)
    return {"msg": f"created new user group `{group.name}`", "user_group": data, "users_group": data}


def _own(actor: Actor, usergroupid: Id) -> UserGroup:
    """A user group that the actor may change."""
    return lookups.user_group(actor, usergroupid, Level.ADMIN)


@namespace.method(failure="failed to update user group `{usergroupid}`", target=_own)
def update_user_group(
    actor: Actor,
    usergroupid: Id,
    group_name: str | None = None,
    description: str | None = None,
    owner: Id = None,
    active: bool | None = None,
) -> JsonObject:
    """Change a user group; what is not given stays.

    Needs: admin permission on the user group.

    Args:
        usergroupid: user group name or number.
        group_name: new name.
        description: what it is for.
        owner: user name or number.
        active: whether its permissions count.

    Returns:
        ``msg``; ``user_group``: the group as in ``get_user_group``.

    Raises:
        user group `x` does not exist: unknown, or no permission.
        user `x` does not exist: no such owner.
        failed to update user group `x`: a value cannot be used, or the name is taken.
    """
    group = _own(actor, usergroupid)
    user_groups.update(
        actor=actor,
        group=group,
        name=group_name,
        descriptions=described(description),
        owner=None if owner is None else lookups.user(owner),
        active=active,
    )
    return {"msg": f"updated user group ID:{group.pk} {group.name}", "user_group": _answer(actor, group)}


@namespace.method()
def delete_user_group(actor: Actor, usergroupid: Id) -> JsonObject:
    """Delete a user group.

    Needs: admin permission on the user group.

    Args:
        usergroupid: user group name or number.

    Returns:
        ``msg``; ``user_group``: null.

    Raises:
        user group `x` does not exist: unknown, or no permission.
        User Group assigned to x: repositories are granted to it.
        failed to delete user group ID:1 x: another reason.
    """
    group = _own(actor, usergroupid)
    number, name = group.pk, group.name
    try:
        user_groups.delete(actor=actor, group=group)
    except ValidationError as error:
        assigned = [str(one.message) for one in error.error_dict.get("group", ()) if one.code == "assigned"]
        raise ApiError(assigned[0] if assigned else f"failed to delete user group ID:{number} {name}") from error
    return {"msg": f"deleted user group ID:{number} {name}", "user_group": None}


@namespace.method(also=("add_user_user_group",))
def add_user_to_user_group(actor: Actor, usergroupid: Id, userid: Id) -> JsonObject:
    """Make a user a member of a user group.

    Needs: admin permission on the user group.

    Args:
        usergroupid: user group name or number.
        userid: user name or number.

    Returns:
        ``success``: whether the user was no member before; ``msg``.

    Raises:
        user `x` does not exist: no such user; looked up first.
        user group `x` does not exist: unknown, or no permission.
        failed to add member to user group `x`: not possible.
    """
    user = lookups.user(userid)
    group = _own(actor, usergroupid)
    try:
        added = user_groups.add_member(actor=actor, group=group, user=user)
    except ValidationError as error:
        raise ApiError(f"failed to add member to user group `{group.name}`") from error
    done = f"added member `{user.username}` to user group `{group.name}`"
    return {"success": added, "msg": done if added else "User is already in that group"}


@namespace.method()
def remove_user_from_user_group(actor: Actor, usergroupid: Id, userid: Id) -> JsonObject:
    """End a user's membership in a user group.

    Needs: admin permission on the user group.

    Args:
        usergroupid: user group name or number.
        userid: user name or number.

    Returns:
        ``success``: whether the user was a member; ``msg``.

    Raises:
        user `x` does not exist: no such user; looked up first.
        user group `x` does not exist: unknown, or no permission.
    """
    user = lookups.user(userid)
    group = _own(actor, usergroupid)
    removed = user_groups.remove_member(actor=actor, group=group, user=user)
    done = f"removed member `{user.username}` from user group `{group.name}`"
    return {"success": removed, "msg": done if removed else "User wasn't in group"}


def _answer(actor: Actor, group: UserGroup) -> JsonObject:
    row = UserGroup.objects.select_related("owner").prefetch_related(prefetch_members()).get(pk=group.pk)
    return user_group_data(actor, row)
