"""Repositories, repository groups and jobs as they look on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet, TextField, prefetch_related_objects
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Level
from api.language import columns, description_of
from api.method import JsonObject
from api.paging import EVERYTHING
from api.serializers import USER_PREFETCH, local_iso, user_data
from repos.models import (
    ExtraField,
    Follower,
    Job,
    Repository,
    RepositoryGrant,
    RepositoryGroup,
    RepositoryGroupGrant,
    RepositoryQuerySet,
)
from repos.models.fields import RemoteAddressField
from repos.vcs.errors import VcsError
from repos.vcs.remote import scrub
from repos.vcs.types import NULL_ID, Refs

#: The answer for a repository without changesets.
NO_CHANGESET = {
    "short_id": NULL_ID[:12],
    "raw_id": NULL_ID,
    "revision": -1,
    "message": "",
    "date": "1970-01-01T00:00:00",
    "author": "",
}


def changeset_data(stored: Mapping[str, Any], zone: tzinfo) -> JsonObject:
    """The newest changeset from what its repository's row holds."""
    if not stored:
        return NO_CHANGESET
    return {**stored, "date": datetime.fromtimestamp(stored["date"], zone).isoformat()[:19]}  # without the offset


def repository_data(actor: Actor, repository: Repository) -> JsonObject:
    """One repository. A parent that the actor cannot see is not there; passwords in a URL are not shown."""
    parent = repository.fork_of
    if parent is not None and not Repository.objects.filter(pk=parent.pk).visible_to(actor).exists():
        parent = None
    return {
        "repo_id": repository.pk,
        "repo_name": repository.name,
        "repo_type": repository.kind,
        "clone_uri": repository.clone_uri and scrub(repository.clone_uri),
        "private": repository.is_private,
        "created_on": local_iso(repository.created_on),
        "description": description_of(repository),
        "landing_rev": list(repository.landing_rev),
        "owner": repository.owner.username,
        "fork_of": parent and parent.name,
        "enable_statistics": repository.enable_statistics,
        "enable_downloads": repository.enable_downloads,
        "state": repository.state,
        "last_changeset": changeset_data(repository.last_changeset, timezone.get_current_timezone()),
        **{f"ex_{key}": value for key, value in repository.extra_fields.values_list("key", "value")},
    }


def repositories_data(actor: Actor, part: slice = EVERYTHING) -> Iterator[JsonObject]:
    """The repositories that the actor can see, in two queries and without objects: there may be many thousands."""
    return _rows(actor, part, columns())  # the language of now, not of the time when the answer is sent


def _rows(actor: Actor, part: slice, descriptions: list[str]) -> Iterator[JsonObject]:
    visible: QuerySet[Repository] = RepositoryQuerySet.plain().visible_to(actor)
    zone = timezone.get_current_timezone()
    rows = _fetched(
        visible.order_by("name")[part].values_list(
            "pk", "name", "kind", "clone_uri", "is_private", "created_on", "landing_type", "landing_name",
            "owner__username", "fork_of_id", "enable_statistics", "enable_downloads", "state",
            Cast("last_changeset", TextField()),  # as text: read by orjson in a third of the time
            *descriptions,
        )
    )  # fmt: skip
    names = {row[0]: row[1] for row in rows}
    if part != EVERYTHING:  # a parent may be on another page
        parents = [row[9] for row in rows if row[9] is not None]
        names |= dict(visible.filter(pk__in=parents).order_by().values_list("pk", "name"))
    extra: dict[int, dict[str, str]] = {}
    fields = ExtraField.objects.filter(repository__in=visible.order_by().values("pk")).order_by("pk")
    for repository, key, value in fields.values_list("repository_id", "key", "value"):
        extra.setdefault(repository, {})[f"ex_{key}"] = value
    for pk, name, kind, uri, private, created, land_type, land_name, owner, parent, stats, downloads, *rest in rows:
        state, newest, *texts = rest
        yield {
            "repo_id": pk,
            "repo_name": name,
            "repo_type": kind,
            "clone_uri": uri and RemoteAddressField.without_password(uri),
            "private": private,
            "created_on": local_iso(created if created.tzinfo else created.replace(tzinfo=UTC), zone),
            "description": next((text for text in texts if text), ""),
            "landing_rev": [land_type, land_name],
            "owner": owner,
            "fork_of": names.get(parent),
            "enable_statistics": stats,
            "enable_downloads": downloads,
            "state": state,
            "last_changeset": changeset_data(orjson.loads(newest), zone),
            **extra.get(pk, {}),
        }


def _fetched(values: QuerySet[Any, Any]) -> list[tuple[Any, ...]]:
    """The rows as the database's own module has them, times of SQLite without a zone: converting each takes Django as
    long as fetching all."""
    try:
        statement, parameters = values.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def refs_data(repository: Repository) -> JsonObject:
    """Tags, branches and bookmarks with their changesets; none where the folder cannot be read."""
    try:
        refs = repository.vcs.refs()
    except VcsError:
        refs = Refs()
    closed = refs.closed_branches
    return {"tags": refs.tags, "branches": refs.branches, "branches_closed": closed, "bookmarks": refs.bookmarks}


def people_data(actor: Actor, repository: Repository) -> JsonObject:
    """``members`` (grants, oldest first) and ``followers``, in a fixed number of queries."""
    grants = list(repository.grants.select_related("user", "user_group").order_by("pk"))
    followers = [row.user for row in Follower.objects.filter(repository=repository).select_related("user")]
    prefetch_related_objects([*_users(grants), *followers], *USER_PREFETCH)
    return {
        "members": [member_data(actor, grant, "repository") for grant in grants],
        "followers": [user_data(actor, user) for user in followers],
    }


def _users(grants: Iterable[RepositoryGrant | RepositoryGroupGrant]) -> list[User]:
    return [grant.user for grant in grants if grant.user is not None]


def member_data(actor: Actor, grant: RepositoryGrant | RepositoryGroupGrant, kind: str) -> JsonObject:
    """A grant with the fields of the real server (``name``, ``type``) and of the published text."""
    permission = f"{kind}.{Level(grant.level).label}"
    if grant.user is not None:
        return user_data(actor, grant.user) | {"name": grant.user.username, "type": "user", "permission": permission}
    assert grant.user_group is not None  # a constraint says so
    return {
        "name": grant.user_group.name,
        "type": "user_group",
        "permission": permission,
        "id": grant.user_group.pk,
        "active": grant.user_group.is_active,
    }


def repository_group_data(group: RepositoryGroup) -> JsonObject:
    """A repository group. The caller has fetched ``owner``, ``parent`` and ``repositories``."""
    return {
        "group_id": group.pk,
        "group_name": group.name,
        "group_description": description_of(group),
        "parent_group": group.parent and group.parent.name,
        "repositories": [repository.name for repository in group.repositories.all()],
        "owner": group.owner.username,
    }


def group_members_data(actor: Actor, group: RepositoryGroup) -> list[JsonObject]:
    grants = list(group.grants.select_related("user", "user_group").order_by("pk"))
    prefetch_related_objects(_users(grants), *USER_PREFETCH)
    return [member_data(actor, grant, "group") for grant in grants]


def job_data(job: Job, names: Mapping[int, str]) -> JsonObject:
    """``names``: of the repositories that the actor may see. Who started a job and may see its repository no more
    does not hear what that is called now."""
    return {
        "job_id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "repository": names.get(job.repository_id or 0, job.repository_name),
        "started_by": job.actor.username if job.actor is not None else None,
        "progress": job.progress,
        "result": job.result,
        "error": job.error or None,
        "created_on": local_iso(job.created_on),
        "started_on": local_iso(job.started_on),
        "finished_on": local_iso(job.finished_on),
    }
