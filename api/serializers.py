"""Objects as they look on the wire. Nothing here asks the database for what the caller has prefetched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import USER_GROUP_TARGET, ApiKey, JournalEntry, Membership, User, UserGroup
from accounts.permissions import Level, with_level
from api.language import description_of
from api.method import JsonObject
from repos.models import REPOSITORY_GROUP_TARGET, REPOSITORY_TARGET, Repository, RepositoryGroup

#: What :func:`user_data` reads of a user besides its row.
USER_PREFETCH = ("extra_emails", "ip_ranges", "api_keys")


def local_iso(moment: datetime | None, zone: tzinfo | None = None) -> str | None:
    """Local time without zone, milliseconds only when there are some: ``2026-11-23T10:42:11.296``.

    ``zone``: the local one, from a caller with many of them (looking it up takes most of the time).
    """
    if moment is None:
        return None
    local = timezone.make_naive(moment, zone)
    return local.isoformat(timespec="milliseconds" if local.microsecond >= 1000 else "seconds")


# -- people --------------------------------------------------------------------------------------------------------


def knows_secrets(actor: Actor, user: User) -> bool:
    """Whether ``actor`` may see a user's key and addresses: an administrator or the user, by no narrowed key."""
    narrowed = actor.key is not None and not actor.key.is_unrestricted
    return actor.is_admin or (actor.user == user and not narrowed and not actor.is_anonymous)


def user_data(actor: Actor, user: User) -> JsonObject:
    """A user as ``actor`` may see it, with the fields of both the published text and the real server."""
    secrets = knows_secrets(actor, user)
    shows_key = secrets and actor.may_handle_keys and settings.API_SHOWS_KEYS
    return {
        "user_id": user.pk,
        "username": user.username,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "email": user.email,
        "emails": [user.email, *(row.email for row in user.extra_emails.all())],
        "active": user.is_active,
        "admin": user.is_admin,
        "api_key": _builtin_key(user.api_keys.all()) if shows_key else None,
        "ip_addresses": [row.cidr for row in user.ip_ranges.all()] if secrets else None,
        "ldap_dn": user.extern_name if user.extern_type == "ldap" else None,
        "extern_type": user.extern_type,
        "extern_name": user.extern_name,
        "last_login": local_iso(user.last_login),
    }


def _builtin_key(keys: Iterable[ApiKey]) -> str | None:
    return next((key.value for key in keys if key.is_builtin), None)


def permissions_data(actor: Actor) -> JsonObject:
    """What somebody may do: one query each for global permissions, repositories, repository groups, user groups.

    Levels of ``none`` are listed as Kallithea lists them; a key that is bound to one object sees no others.
    """
    repositories = Repository.objects.all()
    groups = RepositoryGroup.objects.all()
    user_groups = UserGroup.objects.all()
    if actor.is_bound:
        repositories, groups = repositories.visible_to(actor), groups.visible_to(actor)
        user_groups = user_groups.visible_to(actor)
    return {
        "global": ["hg.admin"] if actor.user.is_admin else sorted(actor.global_permissions.values()),
        "repositories": _levels(with_level(repositories, actor, REPOSITORY_TARGET), "repository"),
        "repositories_groups": _levels(with_level(groups, actor, REPOSITORY_GROUP_TARGET), "group"),
        "user_groups": _levels(with_level(user_groups, actor, USER_GROUP_TARGET), "usergroup"),
    }


def _levels(objects: QuerySet[Any], kind: str) -> JsonObject:
    names = {int(level): f"{kind}.{level.label}" for level in Level}
    return {name: names[level] for name, level in objects.order_by("pk").values_list("name", "level")}


def prefetch_members() -> Prefetch[str]:
    """The members of user groups in the order in which they joined, with everything :func:`user_data` reads."""
    users = [f"user__{name}" for name in USER_PREFETCH]
    return Prefetch("memberships", Membership.objects.select_related("user").prefetch_related(*users))


def user_group_data(actor: Actor, group: UserGroup) -> JsonObject:
    """A user group with its members. The caller has fetched the owner and :func:`prefetch_members`."""
    return {
        "users_group_id": group.pk,
        "group_name": group.name,
        "group_description": description_of(group),
        "active": group.is_active,
        "owner": group.owner.username,
        "members": [user_data(actor, membership.user) for membership in group.memberships.all()],
    }


def journal_data(entry: JournalEntry) -> JsonObject:
    return {
        "entry_id": entry.pk,
        "username": entry.username,
        "action": entry.action,
        "subject_type": entry.subject_type,
        "subject_id": entry.subject_id,
        "subject_name": entry.subject_name,
        "data": entry.data,
        "ip_addr": entry.address,
        "created_on": local_iso(entry.created_on),
    }
