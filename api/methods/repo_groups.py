"""Methods that make, show, change and delete repository groups."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from accounts.actors import Actor
from accounts.permissions import Level
from api import lookups
from api.errors import ApiError
from api.language import described
from api.method import ApiNamespace, Id, JsonObject
from api.serializers_repos import group_members_data, repository_group_data
from repos.models import Repository, RepositoryGroup
from repos.services import repository_groups
from repos.services.errors import NameTaken, NotEmpty
from repos.services.repositories import KEEP

namespace = ApiNamespace()


def _repositories(actor: Actor) -> Prefetch[str]:
    visible: QuerySet[Repository] = Repository.objects.all().visible_to(actor)
    return Prefetch("repositories", visible.order_by("name"))


def _answer(actor: Actor, group: RepositoryGroup) -> JsonObject:
    prefetch_related_objects([group], "owner", "parent", _repositories(actor))
    return repository_group_data(group)


@namespace.method(admin=True)
def get_repo_group(actor: Actor, repogroupid: Id) -> JsonObject:
    """Get a repository group.

    Args:
        repogroupid: repository group name (the whole path) or number.

    Returns:
        ``group_id``, ``group_name``, ``group_description``, ``parent_group``, ``repositories`` (names of those directly
        in it), ``owner``, ``members`` as in ``get_repo``.

    Raises:
        repository group `x` does not exist: unknown.
    """
    group = lookups.repository_group(actor, repogroupid)
    return _answer(actor, group) | {"members": group_members_data(actor, group)}


@namespace.method(admin=True)
def get_repo_groups(actor: Actor) -> list[JsonObject]:
    """List all repository groups by name.

    Returns:
        A list of repository groups as in ``get_repo_group``, without ``members``.
    """
    groups = RepositoryGroup.objects.all().visible_to(actor).select_related("owner", "parent").order_by("name")
    return [repository_group_data(group) for group in groups.prefetch_related(_repositories(actor))]


@namespace.method(admin=True, failure="failed to create repo group `{group_name}`")
def create_repo_group(
    actor: Actor,
    group_name: str,
    description: str = "",
    owner: Id = None,
    parent: Id = None,
    copy_permissions: bool = False,
) -> JsonObject:
    """Create a repository group.

    Args:
        group_name: the last part of its path, without slashes.
        description: the name when empty.
        owner: user name or number; the caller when not given.
        parent: name or number of the repository group to put it in.
        copy_permissions: with the permissions of the parent.

    Returns:
        ``msg``; ``repo_group`` as in ``get_repo_groups``.

    Raises:
        repo group `x` already exist: the name is taken.
        user `x` does not exist: the owner.
        repository group `x` does not exist: the parent.
        failed to create repo group `x`: a value cannot be used.
    """
    try:
        group = repository_groups.create(
            actor=actor,
            name=group_name,
            parent=None if parent is None else lookups.repository_group(actor, parent),
            owner=None if owner is None else lookups.user(owner),
            described=described(description),
            copy_permissions=copy_permissions,
        )
    except NameTaken as error:
        raise ApiError(f"repo group `{group_name}` already exist") from error
    return {"msg": f"created new repo group `{group_name}`", "repo_group": _answer(actor, group)}


@namespace.method(
    admin=True, failure="failed to update repository group `{repogroupid}`", target=lookups.repository_group
)
def update_repo_group(
    actor: Actor,
    repogroupid: Id,
    group_name: str | None = None,
    description: str | None = None,
    owner: Id = None,
    parent: Id = None,
) -> JsonObject:
    """Change a repository group; what is not given stays as it is.

    Args:
        repogroupid: repository group name or number.
        group_name: the new last part of its path; everything inside follows.
        description: any text.
        owner: user name or number.
        parent: name or number of the repository group to move it to.

    Returns:
        ``msg``; ``repo_group`` as in ``get_repo_groups``.

    Raises:
        repository group `x` does not exist: unknown, or the parent is.
        user `x` does not exist: the owner.
        failed to update repository group `x`: a value cannot be used.
    """
    group = lookups.repository_group(actor, repogroupid)
    repository_groups.update(
        actor=actor,
        group=group,
        name=group_name,
        parent=KEEP if parent is None else lookups.repository_group(actor, parent),
        owner=None if owner is None else lookups.user(owner),
        described=described(description),
    )
    updated = f"updated repository group ID:{group.pk} {group.name}"
    return {"msg": updated, "repo_group": _answer(actor, RepositoryGroup.objects.get(pk=group.pk))}


@namespace.method(admin=True)
def delete_repo_group(actor: Actor, repogroupid: Id) -> JsonObject:
    """Delete an empty repository group.

    Args:
        repogroupid: repository group name or number.

    Returns:
        ``msg``; ``repo_group``: null.

    Raises:
        repository group `x` does not exist: unknown.
        failed to delete repo group ID:1 x: it is not empty.
    """
    group = lookups.repository_group(actor, repogroupid, Level.ADMIN)
    called = f"repo group ID:{group.pk} {group.name}"
    try:
        repository_groups.delete(actor=actor, group=group)
    except NotEmpty as error:
        raise ApiError(f"failed to delete {called}", data=error.messages) from error
    return {"msg": f"deleted {called}", "repo_group": None}
