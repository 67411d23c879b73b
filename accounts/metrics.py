"""Counters of what happens too often for a row each: API calls, sign-ins, refused calls.

Every process adds up in memory and writes the sums every few seconds from a thread of its own, so that no request
waits for it or pays a query. What a process that is killed had not written yet is lost.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.addresses import neighbourhood
from accounts.models import AccessCount, ApiCallCount

logger = logging.getLogger(__name__)

#: Rows of one day; further addresses are counted together, so that strangers cannot fill the database.
MOST_ADDRESSES = 10_000


@dataclass
class _Calls:
    calls: int = 0
    errors: int = 0
    milliseconds: float = 0
    longest: float = 0


@dataclass
class _Sums:
    """What has not been written yet."""

    access: dict[tuple[date, str, str], int] = field(default_factory=dict)
    calls: dict[tuple[date, str], _Calls] = field(default_factory=dict)
    timer: threading.Timer | None = None


_lock = threading.Lock()
_sums = _Sums()


def note_access(address: str | None, kind: AccessCount.Kind) -> None:
    """Count a sign-in or a refusal; the system itself has no address and is not counted."""
    if address is None:
        return
    with _lock:
        key = (_today(), neighbourhood(address), str(kind))
        if key not in _sums.access and len(_sums.access) >= MOST_ADDRESSES:
            key = (key[0], "", key[2])
        _sums.access[key] = _sums.access.get(key, 0) + 1
        _write_later()


def note_call(method: str, seconds: float, *, failed: bool) -> None:
    """Count a call of an API method."""
    milliseconds = seconds * 1000
    with _lock:
        sums = _sums.calls.setdefault((_today(), method), _Calls())
        sums.calls += 1
        sums.errors += failed
        sums.milliseconds += milliseconds
        sums.longest = max(sums.longest, milliseconds)
        _write_later()


def _today() -> date:
    return datetime.now(UTC).date()


def _write_later() -> None:
    if _sums.timer is None and settings.METRICS_INTERVAL:
        _sums.timer = threading.Timer(settings.METRICS_INTERVAL, _write_in_thread)
        _sums.timer.daemon = True
        _sums.timer.start()


def _write_in_thread() -> None:
    try:
        flush()
    finally:
        connection.close()


def take() -> _Sums:
    """The sums so far, which are then forgotten."""
    global _sums
    with _lock:
        taken, _sums = _sums, _Sums()
        return taken


def flush() -> None:
    """Write the sums of this process. Counting is no reason for anything to fail: an error is logged, no more."""
    taken = take()
    if taken.timer is not None:
        taken.timer.cancel()
    if not (taken.access or taken.calls):
        return
    try:
        with transaction.atomic():
            _add_access(taken.access)
            _upsert(
                ApiCallCount,
                ("day", "method"),
                ("calls", "errors", "milliseconds"),
                ("longest",),
                sorted((*key, c.calls, c.errors, c.milliseconds, c.longest) for key, c in taken.calls.items()),
            )
    except DatabaseError:
        logger.warning("counters were not written", exc_info=True)


def _add_access(sums: dict[tuple[date, str, str], int]) -> None:
    rows: dict[tuple[date, str, str], int] = {}
    for day in sorted({day for day, _, _ in sums}):
        known = set(AccessCount.objects.filter(day=day).values_list("address", flat=True).distinct())
        for (of, address, kind), count in sums.items():
            if of != day:
                continue
            shown = address if address in known or len(known) < MOST_ADDRESSES else ""
            known.add(shown)
            rows[day, shown, kind] = rows.get((day, shown, kind), 0) + count
    _upsert(AccessCount, ("day", "address", "kind"), ("count",), (), sorted((*key, n) for key, n in rows.items()))


def _upsert(
    model: type[AccessCount | ApiCallCount],
    key: tuple[str, ...],
    added: tuple[str, ...],
    highest: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    """Insert rows, or add to those that are there: ``added`` are summed, of ``highest`` the larger one stays.

    The rows come in order, so that no two processes wait for each other.
    """
    table = model._meta.db_table
    names = (*key, *added, *highest)
    sets = [f"{name} = {table}.{name} + excluded.{name}" for name in added]
    sets += [
        f"{name} = CASE WHEN excluded.{name} > {table}.{name} THEN excluded.{name} ELSE {table}.{name} END"
        for name in highest
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"  # noqa: S608 - names
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(sets)}",
            list(rows),
        )


@atexit.register
def _flush_at_exit() -> None:
    if settings.METRICS_INTERVAL:
        flush()
