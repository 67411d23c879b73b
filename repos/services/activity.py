"""How much has happened lately: changesets per week, for a small plot."""

from __future__ import annotations

import time

from django.core.cache import cache

from repos.models import Repository
from repos.services import changesets
from repos.vcs.types import LogQuery

WEEKS = 52
WEEK = 7 * 86400  # seconds
MOST = 5000  # changesets looked at


def weekly(repository: Repository) -> list[int]:
    """How many of the newest changesets are of each of the last 52 weeks, oldest first. Kept while nothing changes."""
    now = int(time.time()) // WEEK
    key = f"activity:{repository.pk}:{repository.last_changeset.get('raw_id', '')}:{now}"
    counts: list[int] | None = cache.get(key)
    if counts is None:
        counts = [0] * WEEKS
        newest = repository.vcs.page(LogQuery(), skip=0, count=MOST)
        for row in changesets.read(repository, [position.raw_id for position in newest]):
            age = now - row.timestamp // WEEK
            if 0 <= age < WEEKS:
                counts[WEEKS - 1 - age] += 1
        cache.set(key, counts, WEEK)
    return counts
