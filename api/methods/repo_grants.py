"""Methods that give and take permissions on repositories and repository groups."""

from __future__ import annotations

from typing import Any

from accounts.actors import Actor
from accounts.permissions import GLOBAL_PERMISSIONS, Level
from api import lookups
from api.errors import ApiError
from api.method import ApiNamespace, Id, JsonObject, Text
from repos.services import grants
from repos.services.grants import Children

namespace = ApiNamespace()

CHILDREN: dict[str, Children] = {"none": "none", "repos": "repos", "groups": "groups", "all": "all"}
_PERMISSIONS = {"hg.admin", *(name for names in GLOBAL_PERMISSIONS.values() for name in names)}


def _level(permission: Any, kind: str) -> Level:
    """The level of ``repository.write`` or ``group.write``."""
    if not isinstance(permission, str) or permission not in _PERMISSIONS:
        raise ApiError(f"permission `{permission}` does not exist")
    if permission not in GLOBAL_PERMISSIONS[kind]:
        raise ApiError(f"permission `{permission}` is invalid, should start with {kind}.")
    return Level[permission.rpartition(".")[2].upper()]


def _children(text: str) -> Children:
    if text not in CHILDREN:
        raise ApiError(f"apply_to_children must be one of {', '.join(CHILDREN)}")
    return CHILDREN[text]


def _done(message: str) -> JsonObject:
    return {"msg": message, "success": True}


@namespace.method(admin=True, failure="failed to edit permission for user: `{userid}` in repo: `{repoid}`")
def grant_user_permission(actor: Actor, repoid: Id, userid: Id, perm: Text) -> JsonObject:
    """Give a user a permission on a repository, in place of the one given before.

    Args:
        repoid: repository name or number.
        userid: user name or number; ``default`` is everybody.
        perm: repository.none, repository.read, repository.write or repository.admin.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository `x` does not exist: unknown.
        user `x` does not exist: unknown.
        permission `x` does not exist: no such permission.
        permission `x` is invalid, should start with repository.: a permission for something else.
        failed to edit permission for user: `x` in repo: `y`: a value cannot be used.
    """
    repository = lookups.repository(actor, repoid, Level.ADMIN)
    user = lookups.user(userid)
    grants.grant(actor=actor, on=repository, to=user, level=_level(perm, "repository"))
    return _done(f"Granted perm: `{perm}` for user: `{user.username}` in repo: `{repository.name}`")


@namespace.method(admin=True, failure="failed to edit permission for user: `{userid}` in repo: `{repoid}`")
def revoke_user_permission(actor: Actor, repoid: Id, userid: Id) -> JsonObject:
    """Take back the permission that a user was given on a repository, if any.

    Args:
        repoid: repository name or number.
        userid: user name or number; ``default`` is everybody.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository `x` does not exist: unknown.
        user `x` does not exist: unknown.
        failed to edit permission for user: `x` in repo: `y`: a value cannot be used.
    """
    repository = lookups.repository(actor, repoid, Level.ADMIN)
    user = lookups.user(userid)
    grants.revoke(actor=actor, on=repository, to=user)
    return _done(f"Revoked perm for user: `{user.username}` in repo: `{repository.name}`")


@namespace.method(failure="failed to edit permission for user group: `{usergroupid}` in repo: `{repoid}`")
def grant_user_group_permission(actor: Actor, repoid: Id, usergroupid: Id, perm: Text) -> JsonObject:
    """Give a user group a permission on a repository, in place of the one given before.

    Needs: admin permission on the repository and read permission on the user group.

    Args:
        repoid: repository name or number.
        usergroupid: user group name or number.
        perm: repository.none, repository.read, repository.write or repository.admin.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        permission `x` does not exist: no such permission.
        permission `x` is invalid, should start with repository.: a permission for something else.
        user group `x` does not exist: unknown, or no permission.
        failed to edit permission for user group: `x` in repo: `y`: a value cannot be used.
    """
    repository = lookups.repository(actor, repoid, Level.ADMIN)
    level = _level(perm, "repository")
    group = lookups.user_group(actor, usergroupid)
    grants.grant(actor=actor, on=repository, to=group, level=level)
    return _done(f"Granted perm: `{perm}` for user group: `{group.name}` in repo: `{repository.name}`")


@namespace.method(failure="failed to edit permission for user group: `{usergroupid}` in repo: `{repoid}`")
def revoke_user_group_permission(actor: Actor, repoid: Id, usergroupid: Id) -> JsonObject:
    """Take back the permission that a user group was given on a repository, if any.

    Needs: admin permission on the repository and read permission on the user group.

    Args:
        repoid: repository name or number.
        usergroupid: user group name or number.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        user group `x` does not exist: unknown, or no permission.
        failed to edit permission for user group: `x` in repo: `y`: a value cannot be used.
    """
    repository = lookups.repository(actor, repoid, Level.ADMIN)
    group = lookups.user_group(actor, usergroupid)
    grants.revoke(actor=actor, on=repository, to=group)
    return _done(f"Revoked perm for user group: `{group.name}` in repo: `{repository.name}`")


@namespace.method(failure="failed to edit permission for user: `{userid}` in repo group: `{repogroupid}`")
def grant_user_permission_to_repo_group(
    actor: Actor, repogroupid: Id, userid: Id, perm: Text, apply_to_children: str = "none"
) -> JsonObject:
    """Give a user a permission on a repository group, in place of the one given before.

    Needs: admin permission on the repository group; what is inside is changed only where you have it there too.

    Args:
        repogroupid: repository group name or number.
        userid: user name or number; ``default`` is everybody.
        perm: group.none, group.read, group.write or group.admin.
        apply_to_children: give the same on what is inside, at any depth: none, repos, groups or all.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository group `x` does not exist: unknown, or no permission.
        user `x` does not exist: unknown.
        permission `x` does not exist: no such permission.
        permission `x` is invalid, should start with group.: a permission for something else.
        failed to edit permission for user: `x` in repo group: `y`: a value cannot be used.
    """
    on = lookups.repository_group(actor, repogroupid, Level.ADMIN)
    user = lookups.user(userid)
    level, children = _level(perm, "group"), _children(apply_to_children)
    grants.grant(actor=actor, on=on, to=user, level=level, apply_to_children=children)
    who = f"user: `{user.username}`"
    return _done(f"Granted perm: `{perm}` (recursive:{children}) for {who} in repo group: `{on.base_name}`")


@namespace.method(failure="failed to edit permission for user: `{userid}` in repo group: `{repogroupid}`")
def revoke_user_permission_from_repo_group(
    actor: Actor, repogroupid: Id, userid: Id, apply_to_children: str = "none"
) -> JsonObject:
    """Take back the permission that a user was given on a repository group, if any.

    Needs: admin permission on the repository group; what is inside is changed only where you have it there too.

    Args:
        repogroupid: repository group name or number.
        userid: user name or number; ``default`` is everybody.
        apply_to_children: do the same on what is inside, at any depth: none, repos, groups or all.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository group `x` does not exist: unknown, or no permission.
        user `x` does not exist: unknown.
        failed to edit permission for user: `x` in repo group: `y`: a value cannot be used.
    """
    on = lookups.repository_group(actor, repogroupid, Level.ADMIN)
    user = lookups.user(userid)
    children = _children(apply_to_children)
    grants.revoke(actor=actor, on=on, to=user, apply_to_children=children)
    who = f"user: `{user.username}`"
    return _done(f"Revoked perm (recursive:{children}) for {who} in repo group: `{on.base_name}`")


@namespace.method(failure="failed to edit permission for user group: `{usergroupid}` in repo group: `{repogroupid}`")
def grant_user_group_permission_to_repo_group(
    actor: Actor, repogroupid: Id, usergroupid: Id, perm: Text, apply_to_children: str = "none"
) -> JsonObject:
    """Give a user group a permission on a repository group, in place of the one given before.

    Needs: admin permission on the repository group and read permission on the user group; what is inside is changed
    only where you have admin permission there too.

    Args:
        repogroupid: repository group name or number.
        usergroupid: user group name or number.
        perm: group.none, group.read, group.write or group.admin.
        apply_to_children: give the same on what is inside, at any depth: none, repos, groups or all.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository group `x` does not exist: unknown, or no permission.
        permission `x` does not exist: no such permission.
        permission `x` is invalid, should start with group.: a permission for something else.
        user group `x` does not exist: unknown, or no permission.
        failed to edit permission for user group: `x` in repo group: `y`: a value cannot be used.
    """
    on = lookups.repository_group(actor, repogroupid, Level.ADMIN)
    level = _level(perm, "group")
    group = lookups.user_group(actor, usergroupid)
    children = _children(apply_to_children)
    grants.grant(actor=actor, on=on, to=group, level=level, apply_to_children=children)
    who = f"user group: `{group.name}`"
    return _done(f"Granted perm: `{perm}` (recursive:{children}) for {who} in repo group: `{on.base_name}`")


@namespace.method(failure="failed to edit permission for user group: `{usergroupid}` in repo group: `{repogroupid}`")
def revoke_user_group_permission_from_repo_group(
    actor: Actor, repogroupid: Id, usergroupid: Id, apply_to_children: str = "none"
) -> JsonObject:
    """Take back the permission that a user group was given on a repository group, if any.

    Needs: admin permission on the repository group and read permission on the user group; what is inside is changed
    only where you have admin permission there too.

    Args:
        repogroupid: repository group name or number.
        usergroupid: user group name or number.
        apply_to_children: do the same on what is inside, at any depth: none, repos, groups or all.

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository group `x` does not exist: unknown, or no permission.
        user group `x` does not exist: unknown, or no permission.
        failed to edit permission for user group: `x` in repo group: `y`: a value cannot be used.
    """
    on = lookups.repository_group(actor, repogroupid, Level.ADMIN)
    group = lookups.user_group(actor, usergroupid)
    children = _children(apply_to_children)
    grants.revoke(actor=actor, on=on, to=group, apply_to_children=children)
    who = f"user group: `{group.name}`"
    return _done(f"Revoked perm (recursive:{children}) for {who} in repo group: `{on.base_name}`")
