"""What everybody may do: the default user's permissions, which are also the levels on new objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import USER_GROUP_TARGET, GlobalGrant, User, UserGroup
from accounts.permissions import DEFAULT_USER_ID, GLOBAL_PERMISSIONS, Level, Target, kind_of, strongest
from accounts.services import checks


def current() -> dict[str, str]:
    """Kind (``hg.create``, ``repository``, ...) -> permission; a kind without a row is the weakest."""
    weakest = {kind: values[0] for kind, values in GLOBAL_PERMISSIONS.items()}
    rows = GlobalGrant.objects.filter(user_id=DEFAULT_USER_ID).values_list("permission", flat=True)
    return weakest | strongest(rows)


def anonymous_allowed() -> bool:
    """Whether visitors without an account see what everybody may see."""
    return User.objects.default().is_active


def update(
    *, actor: Actor, permissions: Mapping[str, str], anonymous: bool | None = None, overwrite: bool = False
) -> None:
    """Set the given kinds; with ``overwrite`` a ``usergroup`` level also on the user groups that exist.

    Repositories and their groups are overwritten by ``repos.services.defaults``, which is what doors call.
    """
    checks.require_admin(actor)
    for kind, permission in permissions.items():
        if permission not in GLOBAL_PERMISSIONS[kind]:
            allowed = ", ".join(GLOBAL_PERMISSIONS[kind])
            raise checks.invalid(
                kind, _("%(given)s is not one of %(allowed)s") % {"given": permission, "allowed": allowed}
            )
    default = User.objects.default()
    with checks.writing():
        for kind, permission in permissions.items():
            default.global_grants.update_or_create(kind=kind, defaults={"permission": permission})
        if anonymous is not None:
            User.objects.filter(pk=default.pk).update(is_active=anonymous)
        if overwrite and "usergroup" in permissions:
            grant_everybody(USER_GROUP_TARGET, UserGroup.objects.all(), level_of(permissions["usergroup"]))
        facts: dict[str, Any] = dict(permissions) | ({} if anonymous is None else {"anonymous": anonymous})
        journal.record(actor, "update_default_permissions", default, overwrite=overwrite, **facts)


def give(*, actor: Actor, to: User | UserGroup, permission: str) -> GlobalGrant:
    """Give a user or a user group a global permission, in place of the one of the same kind."""
    checks.require_admin(actor)
    kind = kind_of(permission)
    if permission not in GLOBAL_PERMISSIONS.get(kind, ()):
        raise checks.invalid("permission", _("There is no such permission."))
    with checks.writing():
        row, _created = to.global_grants.update_or_create(kind=kind, defaults={"permission": permission})
        journal.record(actor, "give_global_permission", to, permission=permission)
    return row


def take(*, actor: Actor, grant: GlobalGrant) -> None:
    """Take a global permission away."""
    checks.require_admin(actor)
    with checks.writing():
        journal.record(actor, "take_global_permission", grant.user or grant.user_group, permission=grant.permission)
        grant.delete()


def level_of(permission: str) -> Level:
    """``READ`` of ``repository.read``."""
    return Level[permission.rpartition(".")[2].upper()]


def level_for_new(kind: str) -> Level:
    """What everybody gets on a new object of a kind: ``repository``, ``group`` or ``usergroup``."""
    return level_of(current()[kind])


def grant_everybody(target: Target, objects: QuerySet[Any], level: Level) -> None:
    """Give the default user a level on every one of ``objects``; three queries, part of the caller's transaction."""
    grants = target.grants._default_manager.filter(user_id=DEFAULT_USER_ID)
    grants.filter(**{f"{target.field}__in": objects.order_by().values("pk")}).update(level=level)
    missing = objects.exclude(pk__in=grants.order_by().values(target.field)).order_by().values_list("pk", flat=True)
    target.grants._default_manager.bulk_create(
        target.grants(user_id=DEFAULT_USER_ID, level=level, **{f"{target.field}_id": pk}) for pk in missing
    )
