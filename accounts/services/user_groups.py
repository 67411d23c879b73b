"""User groups, who is in them, and who may change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import Grant, User, UserGroup, UserGroupGrant
from accounts.permissions import CREATE_USER_GROUP, DEFAULT_USER_ID, Level
from accounts.services import checks, defaults

LANGUAGES = settings.MODELTRANSLATION_LANGUAGES


def create(
    *,
    actor: Actor,
    name: str,
    description: str = "",
    descriptions: Mapping[str, str] | None = None,
    owner: User | None = None,
    active: bool = True,
) -> UserGroup:
    """Make a user group; everybody gets the site's default level on it, an owner without admin rights ADMIN."""
    if not actor.may(CREATE_USER_GROUP):
        raise PermissionDenied("access denied: you may not create user groups")
    owner = owner or actor.user
    with checks.writing():
        _check_name(name, None)
        texts = {f"description_{code}": text for code, text in (descriptions or {}).items()}
        texts = texts or {"description": description}
        group = UserGroup.objects.create(name=name, owner=owner, is_active=active, **texts)
        UserGroupGrant.objects.create(on=group, user_id=DEFAULT_USER_ID, level=defaults.level_for_new("usergroup"))
        if not owner.is_admin:
            UserGroupGrant.objects.create(on=group, user=owner, level=Level.ADMIN)
        journal.record(actor, "create_user_group", group, owner=owner.username)
    return group


def update(
    *,
    actor: Actor,
    group: UserGroup,
    name: str | None = None,
    description: str | None = None,
    descriptions: Mapping[str, str] | None = None,
    owner: User | None = None,
    active: bool | None = None,
) -> UserGroup:
    """Change what is given; ``descriptions`` by language, ``description`` in the present one."""
    _require_group_admin(actor, group)
    before = _facts(group)
    with checks.writing():
        if name is not None and name != group.name:
            _check_name(name, group)
            group.name = name
        group.description = group.description if description is None else description
        for language, text in (descriptions or {}).items():
            setattr(group, f"description_{language}", text)
        group.owner = group.owner if owner is None else owner
        group.is_active = group.is_active if active is None else active
        group.save()
        changed = [name for name, value in _facts(group).items() if before[name] != value]
        journal.record(actor, "update_user_group", group, changed=changed, was=before["name"])
    return group


def delete(*, actor: Actor, group: UserGroup) -> None:
    """Delete a user group.

    Raises:
        ValidationError: repositories are granted to it (code ``assigned``, with the names of those the actor sees).
    """
    _require_group_admin(actor, group)
    with checks.writing():
        journal.record(actor, "delete_user_group", group)
        try:
            group.delete()
        except ProtectedError as error:
            grants = [row for row in error.protected_objects if isinstance(row, Grant)]
            names = _visible_targets(actor, grants) or ["what you may not see"]
            raise checks.invalid("group", f"User Group assigned to {', '.join(names)}", "assigned") from error


def add_member(*, actor: Actor, group: UserGroup, user: User) -> bool:
    """Returns whether the user was not in the group before."""
    _require_group_admin(actor, group)
    checks.require_real(user)
    with checks.writing():
        _membership, added = group.memberships.get_or_create(user=user)
        if added:
            journal.record(actor, "add_member", group, member=user.username)
    return added


def remove_member(*, actor: Actor, group: UserGroup, user: User) -> bool:
    """Returns whether the user was in the group."""
    _require_group_admin(actor, group)
    with checks.writing():
        removed = bool(group.memberships.filter(user=user).delete()[0])
        if removed:
            journal.record(actor, "remove_member", group, member=user.username)
    return removed


def grant(*, actor: Actor, group: UserGroup, to: User | UserGroup, level: Level) -> UserGroupGrant:
    """Give ``to`` a level on the user group, in place of the one it has."""
    _require_group_admin(actor, group)
    subject = {"user": to} if isinstance(to, User) else {"user_group": to}
    with checks.writing():
        row, _created = group.grants.update_or_create(**subject, defaults={"level": level})
        journal.record(actor, "grant", group, to=str(to), level=level.label)
    return row


def revoke(*, actor: Actor, group: UserGroup, to: User | UserGroup) -> None:
    """Take away what ``to`` has been granted on the user group."""
    _require_group_admin(actor, group)
    subject = {"user": to} if isinstance(to, User) else {"user_group": to}
    with checks.writing():
        group.grants.filter(**subject).delete()
        journal.record(actor, "revoke", group, to=str(to))


def _visible_targets(actor: Actor, grants: Iterable[Grant]) -> list[str]:
    """The names of what the grants are on and the actor may see: one query for each kind."""
    keys: dict[Any, set[int]] = {}
    for row in grants:
        model = row._meta.get_field(row.target_field).related_model
        keys.setdefault(model, set()).add(getattr(row, f"{row.target_field}_id"))
    return sorted(str(row) for model, pks in keys.items() for row in model.objects.filter(pk__in=pks).visible_to(actor))


def _facts(group: UserGroup) -> dict[str, Any]:
    languages = {f"description_{code}": getattr(group, f"description_{code}") for code in LANGUAGES}
    return {"name": group.name, "owner": group.owner_id, "active": group.is_active, **languages}


def _require_group_admin(actor: Actor, group: UserGroup) -> None:
    if not UserGroup.objects.all().visible_to(actor, Level.ADMIN).filter(pk=group.pk).exists():
        raise PermissionDenied("access denied: you may not change this user group")


def _check_name(name: str, group: UserGroup | None) -> None:
    checks.check_name("name", name)
    others = UserGroup.objects.all() if group is None else UserGroup.objects.exclude(pk=group.pk)
    if others.filter(name=name).exists():
        raise checks.invalid("name", _("This name is taken."), "unique")
