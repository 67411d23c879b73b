"""Long work as jobs: started here, run by :mod:`repos.tasks` in a worker, or at once where there is none."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from accounts import journal
from accounts.actors import Actor
from accounts.models import ApiKey
from accounts.permissions import Level
from repos import tasks
from repos.models import Job, Repository
from repos.services import access, storage
from repos.vcs.errors import VcsError

logger = logging.getLogger(__name__)

SOON = timedelta(minutes=1)  # in which a request that made a job begins with it
PATIENCE = 10.0  # seconds in which a worker begins with a job that a request waits for
_INTERVAL = 0.1  # seconds between two looks at it


class JobFailed(VcsError):
    """A worker could not do it; the text says why."""


def create(actor: Actor, kind: Job.Kind, repository: Repository | None = None, **arguments: Any) -> Job:
    """The row of a job that waits; ``arguments`` hold no credentials."""
    return Job.objects.create(
        kind=kind,
        repository=repository,
        repository_name=repository.name if repository is not None else "",
        actor=actor.user,
        arguments={**arguments, "address": actor.address, "key": actor.key.pk if actor.key is not None else None},
    )


def actor_of(job: Job) -> Actor | None:
    """Who started it, from where and with which key, as far as they still exist."""
    if job.actor is None:
        return None
    key = ApiKey.objects.filter(pk=job.arguments.get("key")).first()
    return Actor(job.actor, job.arguments.get("address"), key)


def start(job: Job) -> None:
    """Have a worker run it once the transaction is committed; without a broker run it at once, outside of one.

    Raises:
        Exception: without a broker, what made the job fail.
    """
    if settings.CELERY_TASK_ALWAYS_EAGER:
        tasks.run(job.pk)
    else:
        transaction.on_commit(partial(_announce, job.pk))


def _announce(number: int) -> None:
    """Tell the workers of a job. It is not lost when the broker is away: whoever starts next tells them again."""
    try:
        tasks.run_job.delay(number)
    except OperationalError as error:
        logger.warning("the broker was not told of job %s: %s", number, error)


def finish(job: Job) -> Any:
    """Have it done like :func:`start`, and wait for its result. Not inside a transaction.

    A job that no worker is at in time, or that its worker died of, is done here: a request never waits for nobody.

    Raises:
        Exception: what made it fail here.
        JobFailed: what made it fail in a worker.
    """
    if settings.CELERY_TASK_ALWAYS_EAGER:
        tasks.run(job.pk)
    else:
        _announce(job.pk)
    until = time.monotonic() + PATIENCE
    while True:
        job.refresh_from_db(fields=["state", "result", "error"])
        if job.state == Job.State.FAILED:
            raise JobFailed(job.error)
        if job.state == Job.State.DONE:
            return job.result
        if time.monotonic() < until or not tasks.run(job.pk):
            time.sleep(_INTERVAL)


def resume() -> None:
    """Look after what processes that died have left: on the disk, and jobs. Called by each that starts, and by rescan.

    With a broker every unfinished job is announced once more: whoever is still at one keeps it, and a message too many
    does no harm. Where there is no worker, nobody waits for them any more: they have failed.
    """
    storage.repair()
    unfinished = Job.objects.filter(state__in=Job.UNFINISHED).order_by("pk")
    if not settings.CELERY_TASK_ALWAYS_EAGER:
        for number in unfinished.values_list("pk", flat=True):
            _announce(number)
        return
    begun = Q(state=Job.State.RUNNING) | Q(created_on__lt=timezone.now() - SOON)
    for job in unfinished.filter(begun):
        with tasks.alone(job.pk) as is_alone, transaction.atomic():
            stopped = {"state": Job.State.FAILED, "error": _("The server was stopped."), "finished_on": timezone.now()}
            if is_alone and unfinished.filter(pk=job.pk).update(**stopped):
                Repository.objects.filter(jobs=job, state=Repository.State.PENDING).delete()


#: What is done again from what its row says. A clone or fork that failed has left nothing to go on with.
REPEATABLE = (Job.Kind.PULL, Job.Kind.RESCAN, Job.Kind.DELETE)


def is_repeatable(job: Job) -> bool:
    return job.state == Job.State.FAILED and job.kind in REPEATABLE


def retry(*, actor: Actor, job: Job) -> None:
    """Run a job that has failed once more.

    Raises:
        PermissionDenied: for administrators only.
        ValidationError: it has not failed, or what it did is not to be had again.
        Exception: without a broker, what made it fail again.
    """
    access.require_admin(actor)
    failed = Job.objects.filter(pk=job.pk, state=Job.State.FAILED, kind__in=REPEATABLE)
    with transaction.atomic():
        if not failed.update(state=Job.State.WAITING, error="", progress="", result=None, finished_on=None):
            raise ValidationError(_("This job cannot be run again."))
        journal.record(actor, "retry_job", job)
    start(job)


#: What makes a repository, and leaves nothing where it fails.
MAKING = (Job.Kind.CREATE, Job.Kind.FORK)


def counting(repository: Repository) -> Job | None:
    """The job that still writes down the changesets of a repository whose folder is in its place.

    Who asked for them meanwhile would do the same work and wait as long. No query once they are known.
    """
    if repository.state != Repository.State.CREATED or repository.vcs_state:
        return None
    return repository.jobs.filter(kind__in=MAKING, state__in=Job.UNFINISHED).first()


def failed_to_make(actor: Actor, name: str) -> Job | None:
    """The job that should have made what is not there, when that was the last thing that happened under ``name``."""
    last = visible_to(actor).filter(repository_name=name).first()
    return last if last is not None and last.state == Job.State.FAILED and last.kind in MAKING else None


def visible_to(actor: Actor) -> QuerySet[Job]:
    """Jobs that the actor started, and those of repositories that it administers."""
    jobs = Job.objects.select_related("repository", "actor")
    if actor.is_admin:
        return jobs
    administered = Repository.objects.all().visible_to(actor, Level.ADMIN)
    own = Q(actor=actor.user) if actor.key is None or actor.key.is_unrestricted else Q()
    return jobs.filter(Q(repository__in=administered.values("pk")) | own)
