"""The folders of repositories: every one appears, moves and disappears together with its rows in the database.

A folder changes its name by one rename, inside the transaction that changes the database, after the intent has been
written down and committed (:class:`~repos.models.DiskMove`). The transaction deletes the intent too, so whoever finds
one later knows that the transaction never happened, and puts the folder back. Making a repository is a rename out of
the staging folder, deleting one a rename to ``rm__<time>__<name>`` beside it, which no rescan finds.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from repos.locks import STAGING, held
from repos.models import DiskMove, Repository, RepositoryGroup
from repos.services.errors import NameTaken
from repos.services.names import MAX_PART, TRASH_PREFIX
from repos.vcs.errors import VcsError

logger = logging.getLogger(__name__)


class StorageError(VcsError):
    """The disk is not as it should be: a missing folder, a symbolic link, a path that leads outside."""


@dataclass(frozen=True)
class Move:
    """From one name to another, both relative to the repositories root; ``if_there``: a missing source is no error."""

    source: str
    destination: str
    if_there: bool = False


def root() -> Path:
    return Path(os.path.realpath(settings.REPOSITORIES_ROOT))


def locate(name: str) -> Path:
    """The absolute path of ``name``, which lies inside the root and has no symbolic link on the way."""
    path = root() / name
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise StorageError(f"{name!r} is no path of a repository")
    if os.path.realpath(path) != str(path):
        raise StorageError(f"a symbolic link leads away from {name!r}")
    return path


def exists(name: str) -> bool:
    return locate(name).is_dir()


def trash_name(name: str) -> str:
    """Where ``name`` goes when it is deleted."""
    parent, slash, base = name.rpartition("/")
    prefix = f"{TRASH_PREFIX}{timezone.now():%Y%m%d_%H%M%S_%f}__"
    room = MAX_PART - len(prefix)
    return parent + slash + prefix + base.encode()[:room].decode("utf-8", "ignore")


@contextmanager
def lock() -> Iterator[None]:
    """One process and thread at a time changes names below the root. Never enter it inside a transaction."""
    folder = root() / STAGING
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def staging() -> Iterator[str]:
    """A name in the staging folder to build something under; what has not been moved away is deleted at the end."""
    name = uuid4().hex
    with held(name):
        try:
            yield f"{STAGING}/{name}"
        finally:
            shutil.rmtree(locate(f"{STAGING}/{name}"), ignore_errors=True)


@contextmanager
def moving(*moves: Move, named: Iterable[Repository | RepositoryGroup | None] = ()) -> Iterator[None]:
    """A transaction for the database changes that go with ``moves``; both happen, or neither.

    The folders move at the end of the block, just before the commit. Not to be used inside another transaction.

    Args:
        named: rows whose names the caller reckons with. Meanwhile others may have given them new ones.

    Raises:
        NameTaken: a destination exists.
        StorageError: a source does not, or a name has changed.
    """
    with lock():
        _put_back(DiskMove.objects.all())
        for row in named:
            if row is not None and not type(row).objects.filter(pk=row.pk, name=row.name).exists():
                raise StorageError(f"{row.name!r} was renamed or deleted meanwhile")
        todo = [move for move in moves if not move.if_there or exists(move.source)]
        for move in todo:
            _check(move)
        rows = [DiskMove.objects.create(source=move.source, destination=move.destination) for move in todo]
        unfinished = DiskMove.objects.filter(pk__in=[row.pk for row in rows])
        try:
            with transaction.atomic(durable=True):
                unfinished.delete()
                yield
                for move in todo:
                    destination = locate(move.destination)
                    destination.parent.mkdir(parents=True, exist_ok=True)
                    locate(move.source).rename(destination)
        except BaseException:
            # Even a commit that raised may have happened: only the rows know. When the database cannot be asked
            # now, the next repair asks it.
            with suppress(DatabaseError):
                _put_back(unfinished)
            raise


def _check(move: Move) -> None:
    if not locate(move.source).is_dir():
        raise StorageError(f"the folder {move.source!r} is missing")
    if os.path.lexists(locate(move.destination)):
        raise NameTaken(f"A folder {move.destination!r} exists already.")


@transaction.atomic
def _put_back(rows: QuerySet[DiskMove]) -> None:
    # The lock waits for a commit that a process has sent before it died, and that the database is still at.
    for row in rows.select_for_update():
        source, destination = locate(row.source), locate(row.destination)
        if os.path.lexists(destination) and not os.path.lexists(source):
            source.parent.mkdir(parents=True, exist_ok=True)
            destination.rename(source)
            logger.warning("put the folder %r back to %r", row.destination, row.source)
        row.delete()


def repair() -> None:
    """Undo moves whose process died in the middle, and delete staged folders that nobody fills any more."""
    with lock():
        _put_back(DiskMove.objects.all())
    with os.scandir(root() / STAGING) as entries:
        staged = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    for entry in staged:
        with held(entry.name) as is_abandoned:
            if is_abandoned:
                shutil.rmtree(entry.path, ignore_errors=True)
