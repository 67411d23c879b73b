"""Long work by background workers: a task loads its job by number and does the one thing that the job says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from celery import shared_task
from django.utils import timezone

from repos import locks
from repos.models import Job
from repos.vcs.backend import ProgressCallback
from repos.vcs.remote import scrub

logger = logging.getLogger(__name__)

RETRY = 60.0  # seconds until a job that somebody is at is looked at again

#: ``runner(job, progress, *given)`` does the work of a job and answers its result (JSON). Twice does no harm.
Runner = Callable[..., Any]
RUNNERS: dict[str, Runner] = {}


def runs(kind: Job.Kind) -> Callable[[Runner], Runner]:
    """Say that the decorated function does the work of jobs of ``kind``."""

    def register(runner: Runner) -> Runner:
        RUNNERS[kind] = runner
        return runner

    return register


def alone(job_id: int) -> AbstractContextManager[bool]:
    """Keep everybody else from a job; ``False`` where somebody is at it."""
    return locks.held(f"job-{job_id}")


@shared_task(name="repos.run_job", bind=True, max_retries=None)  # type: ignore[untyped-decorator]
def run_job(self: Any, job_id: int) -> None:
    """Run a job in a worker. One that another worker is at is looked at again later: that worker may have died."""
    try:
        taken = run(job_id)
    except Exception as error:  # noqa: BLE001 - the job's row has it; a worker goes on with the next job
        logger.warning("job %s failed: %s", job_id, scrub(str(error)))
        return
    if not taken and Job.objects.filter(pk=job_id, state=Job.State.RUNNING).exists():
        raise self.retry(countdown=RETRY)


def run(job_id: int, *given: Any) -> bool:
    """Do the work of a job that nobody is at; ``False`` when there is nothing to do.

    ``given``: what the runner needs and no row may hold, such as a URL with a password.

    Raises:
        Exception: what made it fail; the job's row says so too.
    """
    with alone(job_id) as is_alone:
        now = timezone.now()
        unfinished = Job.objects.filter(pk=job_id, state__in=Job.UNFINISHED)  # one that runs: whoever was at it is dead
        if not is_alone or not unfinished.update(state=Job.State.RUNNING, started_on=now, heartbeat_on=now):
            return False
        job = Job.objects.select_related("repository", "actor").get(pk=job_id)
        try:
            result = RUNNERS[job.kind](job, _progress(job_id), *given)
        except Exception as error:
            _finish(job_id, Job.State.FAILED, error=scrub(str(error) or type(error).__name__)[:4000])
            raise
        _finish(job_id, Job.State.DONE, result=result)
        return True


def _finish(job_id: int, state: Job.State, *, error: str = "", result: Any = None) -> None:
    now = timezone.now()
    Job.objects.filter(pk=job_id).update(state=state, error=error, result=result, finished_on=now, heartbeat_on=now)


def _progress(job_id: int) -> ProgressCallback:
    """Stores the tool's last line, at most once a second."""
    said = 0.0

    def progress(line: str) -> None:
        nonlocal said
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            Job.objects.filter(pk=job_id).update(progress=scrub(line)[:255], heartbeat_on=timezone.now())

    return progress
