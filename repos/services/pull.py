"""Pulling from elsewhere: the ``clone_uri`` of a repository, the parent of a fork, or a URL given for once."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from repos import tasks
from repos.models import Job, Repository
from repos.services import access, jobs, pushes
from repos.services.repositories import check_clone_uri
from repos.vcs.backend import ProgressCallback
from repos.vcs.remote import scrub


def pull(*, actor: Actor, repository: Repository, url: str = "") -> None:
    """Pull (as a job), and wait for its end.

    ``url``: instead of the repository's own source. It may hold a password, so neither the database nor a broker gets
    it: it is pulled from here.

    Raises:
        PermissionDenied: for administrators only.
        ValidationError: there is nothing to pull from, or the repository is archived.
        VcsError: the pull failed (``JobFailed`` where a worker did it).
    """
    job = _prepare(actor, repository, url)
    if url:
        tasks.run(job.pk, url)
    else:
        jobs.finish(job)


def start(*, actor: Actor, repository: Repository) -> Job:
    """Like :func:`pull` from the repository's own source, without waiting for a worker.

    One at a time: of one that is not done yet the workers are told once more, should the broker have been away.
    """
    access.require_admin(actor)
    unfinished = repository.jobs.filter(kind=Job.Kind.PULL, state__in=Job.UNFINISHED).first()
    job = unfinished or _prepare(actor, repository, "")
    jobs.start(job)
    job.refresh_from_db()
    return job


def _prepare(actor: Actor, repository: Repository, url: str) -> Job:
    access.require_admin(actor)
    access.require_not_archived(repository)
    if url:
        check_clone_uri(actor, url, repository.kind)
    elif not repository.clone_uri and repository.fork_of is None:
        raise ValidationError(_("There is nothing to pull from."))
    return jobs.create(actor, Job.Kind.PULL, repository, source=scrub(url or repository.clone_uri or ""))


@tasks.runs(Job.Kind.PULL)
def run(job: Job, progress: ProgressCallback, url: str = "") -> None:
    """Bring everything in; it is a push of whoever asked for it."""
    repository = job.repository
    if repository is None:
        return
    access.require_not_archived(repository)  # since then, perhaps
    source = url or repository.clone_uri or ""
    if scrub(source) != job.arguments["source"]:  # taken up again without the URL that was given for once
        raise ValidationError(_("The server was stopped; pull again."))
    with pushes.arriving(repository=repository, actor=jobs.actor_of(job), action="pull", source=scrub(source)):
        if source:
            repository.vcs.pull_remote(source, progress)
        elif repository.fork_of is not None:
            repository.vcs.pull_local(repository.fork_of.path)
