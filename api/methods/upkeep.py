"""Methods that keep repositories up to date, and show long work."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from accounts.actors import Actor
from accounts.permissions import Level
from api import lookups
from api.errors import ApiError
from api.method import ApiNamespace, Id, JsonObject
from api.paging import first
from api.serializers_repos import job_data
from repos.models import Job, Repository
from repos.services import jobs, repositories, rescan
from repos.services import pull as pulling
from repos.vcs.errors import VcsError

namespace = ApiNamespace()


@namespace.method()
def invalidate_cache(actor: Actor, repoid: Id) -> JsonObject:
    """Forget what is remembered of a repository and read it from disk again.

    Needs: write permission on the repository.

    Args:
        repoid: repository name or number.

    Returns:
        ``msg``; ``repository``: its name.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Error occurred during cache invalidation action: it cannot be read.
    """
    repository = lookups.repository(actor, repoid, Level.WRITE)
    try:
        repositories.invalidate_cache(actor=actor, repository=repository)
    except VcsError as error:
        raise ApiError("Error occurred during cache invalidation action", data=str(error)) from error
    return {"msg": f"Cache for repository `{repoid}` was invalidated", "repository": repository.name}


@namespace.method(admin=True, failure="Error occurred during rescan repositories action")
def rescan_repos(actor: Actor, remove_obsolete: bool = False) -> JsonObject:
    """Find repositories that were put into the server's folder by hand, and those that are gone from it.

    Args:
        remove_obsolete: delete those that are gone; their forks are detached.

    Returns:
        ``added`` and ``removed``: lists of names. What is gone is listed even when it is not deleted.

    Raises:
        Error occurred during rescan repositories action: the folder cannot be read.
    """
    found = rescan.rescan(actor=actor, remove_obsolete=remove_obsolete)
    return {"added": found.added, "removed": found.removed}


@namespace.method(admin=True)
def pull(actor: Actor, repoid: Id, clone_uri: str = "") -> JsonObject:
    """Pull into a repository from its ``clone_uri``, the parent it was forked from, or a given URL.

    Args:
        repoid: repository name or number.
        clone_uri: URL to pull from this time.

    Returns:
        ``msg``; ``repository``: its name.

    Raises:
        repository `x` does not exist: unknown.
        Unable to pull changes from `x`: there is nothing to pull from, or it failed.
    """
    repository = lookups.repository(actor, repoid, Level.ADMIN)
    try:
        pulling.pull(actor=actor, repository=repository, url=clone_uri)
    except (ValidationError, VcsError) as error:
        raise ApiError(f"Unable to pull changes from `{repository.name}`", data=str(error)) from error
    return {"msg": f"Pulled from `{repository.name}`", "repository": repository.name}


@namespace.method()
def get_jobs(actor: Actor, repoid: Id = None, limit: int = 100) -> list[JsonObject]:
    """List long operations (copying, forking, pulling, rescanning), newest first.

    Needs: admin permission on the repository; jobs that you started are always listed.

    Args:
        repoid: only those of this repository, name or number.
        limit: how many, at most 1000.

    Returns:
        A list of jobs as in ``get_job``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
    """
    found = jobs.visible_to(actor)
    if repoid is not None:
        found = found.filter(repository=lookups.repository(actor, repoid))
    return _jobs_data(actor, found.order_by("-pk")[first(limit)])


def _jobs_data(actor: Actor, found: Iterable[Job]) -> list[JsonObject]:
    rows = list(found)
    visible = Repository.objects.visible_to(actor).filter(pk__in={job.repository_id or 0 for job in rows})
    names = dict(visible.order_by().values_list("pk", "name"))
    return [job_data(job, names) for job in rows]


@namespace.method()
def get_job(actor: Actor, job_id: int) -> JsonObject:
    """Get a long operation, to see how far it is.

    Needs: admin permission on the repository, or to have started it.

    Args:
        job_id: its number.

    Returns:
        ``job_id``, ``kind`` (create, fork, pull, rescan, delete), ``state`` (waiting, running, done, failed),
        ``repository``, ``started_by``, ``progress`` (the last line of the tool), ``result``, ``error``, ``created_on``,
        ``started_on``, ``finished_on``.

    Raises:
        job `x` does not exist: unknown, or no permission.
    """
    job = jobs.visible_to(actor).filter(pk=job_id).first()
    if job is None:
        raise ApiError(f"job `{job_id}` does not exist")
    return _jobs_data(actor, [job])[0]
