"""What the database repeats of a repository on disk: its newest changeset, its size, and which state was looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone

from repos.models import Repository
from repos.services import changesets


def refresh(repository: Repository, write_down: Callable[[Sequence[str], Sequence[str]], None] | None = None) -> None:
    """Store which changesets the tool lists, what the newest is, and how much they take on disk.

    ``write_down`` hears which changesets came and went, see :func:`changesets.sync`.

    Raises:
        RepositoryNotFound: the folder is missing.
    """
    state = repository.vcs.state()  # before the questions: what comes in between is found by the next read
    repository.refresh_from_db(fields=["changesets_state", "last_changeset"])
    changesets.sync(repository, write_down)
    show_newest(repository, vcs_state=state, size=repository.vcs.size())


def show_newest(repository: Repository, **changed: Any) -> None:
    """Store what the newest changeset is, and the fields ``changed``."""
    position = repository.vcs.tip()
    newest: dict[str, str | int] = {}
    if position is not None:
        row = next(changesets.read(repository, [position.raw_id]))
        newest = {
            "raw_id": row.raw_id,
            "short_id": row.short_id,
            "revision": position.revision,
            "message": row.message,
            "author": row.author,
            "date": row.timestamp,
        }
    changed["last_changeset"] = newest
    if newest.get("raw_id") != repository.last_changeset.get("raw_id"):
        changed["updated_on"] = timezone.now()
    Repository.objects.filter(pk=repository.pk).update(**changed)
    for name, value in changed.items():
        setattr(repository, name, value)
