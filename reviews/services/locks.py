"""One change of a repository's pull requests at a time, without keeping the database busy meanwhile."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from repos.models import Repository

PATIENCE = 120.0  # seconds; a merge of a large repository takes some
_NAMESPACE = 0x4B52 << 48  # of this lock among PostgreSQL's advisory ones


@contextmanager
def repository_lock(repository: Repository) -> Iterator[None]:
    """Hold the lock of a target repository: a file for the workers of this machine, and on PostgreSQL an advisory lock.

    Not a row lock: on SQLite that would stop every writer for as long as the tool merges.

    Raises:
        ValidationError: somebody else kept it for :data:`PATIENCE` seconds.
    """
    folder = Path(settings.KALLITHEA_HOME) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    with (folder / f"repository-{repository.pk}").open("a") as file:
        _until(deadline, lambda: _try_file(file.fileno()))
        if connection.vendor != "postgresql":
            yield
            return
        key = _NAMESPACE | repository.pk
        _until(deadline, lambda: _ask("SELECT pg_try_advisory_lock(%s)", key))
        try:
            yield
        finally:
            _ask("SELECT pg_advisory_unlock(%s)", key)


def _until(deadline: float, attempt: Callable[[], bool]) -> None:
    pause = 0.005
    while not attempt():
        if time.monotonic() > deadline:
            raise ValidationError(_("The repository is busy, please try again."))
        time.sleep(pause)
        pause = min(2 * pause, 0.2)


def _try_file(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _ask(query: str, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query, [key])
        return bool(cursor.fetchone()[0])
