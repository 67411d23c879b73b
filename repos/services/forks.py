"""Forks: copies of a repository that remember where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import FORK_REPOSITORY, Level
from accounts.services import site
from repos import tasks
from repos.models import Job, Repository, RepositoryGrant, RepositoryGroup
from repos.services import access, descriptions, jobs, storage
from repos.services.repositories import Landing, add, check_new, fill, set_landing
from repos.vcs.backend import ProgressCallback
from repos.vcs.errors import RepositoryNotFound


def create(
    *,
    actor: Actor,
    parent: Repository,
    name: str,
    group: RepositoryGroup | None = None,
    owner: User | None = None,
    description: str = "",
    described: Mapping[str, str] | None = None,
    is_private: bool | None = None,
    landing: Landing = ("rev", "tip"),
    copy_permissions: bool = False,
) -> Repository:
    """Fork ``parent`` (as a job).

    Args:
        name: the last part of the fork's path.
        described: descriptions by language.
        is_private: as the parent when not given.
        copy_permissions: with the grants of the parent.

    Raises:
        PermissionDenied: the actor may not read the parent, fork, or create here.
        ValidationError: a value is wrong; ``NameTaken``, ``InvalidName``.
        VcsError: without a background worker, when the copy failed; then nothing is left of it.
    """
    access.require(actor, parent, Level.READ)
    if not actor.may(FORK_REPOSITORY):
        raise PermissionDenied("no permission to fork repositories")
    path = check_new(actor=actor, name=name, group=group, owner=owner)
    fork = Repository(
        name=path,
        group=group,
        kind=parent.kind,
        state=Repository.State.PENDING,
        owner=owner or actor.user,
        is_private=parent.is_private if is_private is None else is_private,
        fork_of=parent,
        enable_downloads=site.current().enable_downloads,
    )
    descriptions.describe(fork, description or None, described, empty=name)
    set_landing(fork, landing)
    grants = [
        RepositoryGrant(user_id=grant.user_id, user_group_id=grant.user_group_id, level=grant.level)
        for grant in parent.grants.order_by("pk")
    ]
    with storage.moving(named=[group]):
        add(actor, fork, grants if copy_permissions else None, "fork_repository")
        job = jobs.create(actor, Job.Kind.FORK, fork)
    jobs.start(job)
    fork.refresh_from_db()
    return fork


@tasks.runs(Job.Kind.FORK)
def copy(job: Job, progress: ProgressCallback) -> None:
    """Fill a pending fork from its parent; it is gone again when that fails."""

    def clone(fork: Repository, path: Path) -> None:
        if fork.fork_of is None:
            raise RepositoryNotFound("the repository to fork was deleted meanwhile")
        fork.vcs.clone_local(fork.fork_of.path, path, progress)

    fill(job.repository, clone)


def detach(*, actor: Actor, repository: Repository) -> None:
    """Make a fork a repository of its own, which is no longer compared with its parent.

    Raises:
        PermissionDenied
    """
    access.require(actor, repository, Level.ADMIN)
    with transaction.atomic():
        Repository.objects.filter(pk=repository.pk).update(fork_of=None)
        # By number: who reads a fork's journal may not see what it was forked from.
        journal.record(actor, "detach_fork", repository, parent_id=repository.fork_of_id)
    repository.fork_of = None
