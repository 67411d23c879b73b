"""Making, changing and deleting repository groups."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, QuerySet, Value
from django.db.models.functions import Concat, Left, Length, Substr
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository, RepositoryGroup, RepositoryGroupGrant
from repos.services import access, descriptions, names, storage
from repos.services.errors import NotEmpty
from repos.services.repositories import KEEP, Keep
from repos.services.storage import Move


def below(model: type[Repository | RepositoryGroup], group: RepositoryGroup) -> Any:
    """The repositories or repository groups inside ``group``, at any depth."""
    # Not startswith, which knows no case on SQLite.
    prefix = f"{group.name}/"
    everything: Any = model._default_manager
    return everything.alias(beginning=Left("name", len(prefix))).filter(beginning=prefix)


def create(
    *,
    actor: Actor,
    name: str,
    parent: RepositoryGroup | None = None,
    owner: User | None = None,
    description: str = "",
    described: Mapping[str, str] | None = None,
    copy_permissions: bool = False,
) -> RepositoryGroup:
    """Make a repository group. Administrators only.

    Args:
        name: the last part of its path.
        described: descriptions by language.
        copy_permissions: with the grants of ``parent``.

    Raises:
        PermissionDenied, ValidationError (``NameTaken``, ``InvalidName``)
    """
    access.require_admin(actor)
    path = names.full_name(parent, name)
    names.check_free(path, RepositoryGroup)
    group = RepositoryGroup(name=path, parent=parent, owner=owner or actor.user)
    descriptions.describe(group, description or None, described, empty=name)
    copied = parent.grants.order_by("pk") if copy_permissions and parent is not None else None
    with storage.staging() as staged:
        # A folder of that name that holds repositories not yet known is adopted as it is.
        moves = []
        if not storage.exists(path):
            storage.locate(staged).mkdir()
            moves.append(Move(staged, path))
        with storage.moving(*moves, named=[parent]):
            add(actor, group, copied)
    return group


def add(actor: Actor, group: RepositoryGroup, copied: QuerySet[RepositoryGroupGrant] | None = None) -> None:
    """Store a new group with its first grants: ``copied`` ones, or what everybody gets by default."""
    group.save(force_insert=True)
    grants = [
        RepositoryGroupGrant(group=group, user_id=grant.user_id, user_group_id=grant.user_group_id, level=grant.level)
        for grant in copied or ()
    ]
    if copied is None:
        level = access.default_level("group")
        grants.append(RepositoryGroupGrant(group=group, user_id=DEFAULT_USER_ID, level=level))
    if not group.owner.is_admin and not any(grant.user_id == group.owner_id for grant in grants):
        grants.append(RepositoryGroupGrant(group=group, user=group.owner, level=Level.ADMIN))
    RepositoryGroupGrant.objects.bulk_create(grants)
    journal.record(actor, "create_repository_group", group)


def update(
    *,
    actor: Actor,
    group: RepositoryGroup,
    name: str | None = None,
    parent: RepositoryGroup | Keep | None = KEEP,
    owner: User | None = None,
    description: str | None = None,
    described: Mapping[str, str] | None = None,
) -> RepositoryGroup:
    """Change what is given, ``described`` by language.

    A new ``name`` (one part) or ``parent`` moves the folder with everything in it.

    Raises:
        PermissionDenied, ValidationError (``NameTaken``, ``InvalidName``)
    """
    access.require_admin(actor)
    old_name = group.name
    place = group.parent if parent is KEEP else parent
    if place is not None and (place.pk == group.pk or place.name.startswith(f"{old_name}/")):
        raise ValidationError(_("A group cannot be moved into itself."), "parent")
    path = old_name
    if name is not None or parent is not KEEP:
        path = names.full_name(place, group.base_name if name is None else name)
    group.parent, group.owner = place, owner or group.owner
    descriptions.describe(group, description, described)
    columns = ["owner", *descriptions.COLUMNS]
    if path != old_name:
        columns += ["name", "parent"]
    with _moved(group, path) if path != old_name else transaction.atomic():
        group.name = path
        group.save(update_fields=columns)
        journal.record(actor, "update_repository_group", group, **({"old_name": old_name} if path != old_name else {}))
    return group


@contextmanager
def _moved(group: RepositoryGroup, path: str) -> Iterator[None]:
    """A transaction in which ``group`` moves to ``path`` on disk, and everything in it has its new name."""
    names.check_free(path, RepositoryGroup, but=group.pk)
    if len(path) > len(group.name):
        lengths = Max(Length("name"))
        inside = (below(Repository, group).aggregate(n=lengths), below(RepositoryGroup, group).aggregate(n=lengths))
        longest = max(found["n"] or 0 for found in inside)
        if longest + len(path) - len(group.name) > names.MAX_NAME:
            raise ValidationError(_("The name of something in the group would be too long."))
    for repository in below(Repository, group):
        repository.vcs.close()
    with storage.moving(Move(group.name, path, if_there=True), named=[group, group.parent]):
        renamed = Concat(Value(path), Substr("name", len(group.name) + 1))
        below(Repository, group).update(name=renamed)
        below(RepositoryGroup, group).update(name=renamed)
        yield


def delete(*, actor: Actor, group: RepositoryGroup) -> None:
    """Delete an empty group.

    Raises:
        PermissionDenied
        NotEmpty: it has repositories or groups, or its folder something that is not known here.
    """
    access.require_admin(actor)
    trash = storage.trash_name(group.name)
    with storage.moving(Move(group.name, trash, if_there=True), named=[group]):
        if group.children.exists() or group.repositories.exists() or _has_content(group.name):
            raise NotEmpty(_("The group is not empty."))
        journal.record(actor, "delete_repository_group", group)
        group.delete()
    with suppress(OSError):  # kept where it holds deleted repositories
        storage.locate(trash).rmdir()


def _has_content(name: str) -> bool:
    if not storage.exists(name):
        return False
    with os.scandir(storage.locate(name)) as entries:
        return any(not entry.name.startswith(names.TRASH_PREFIX) for entry in entries)
