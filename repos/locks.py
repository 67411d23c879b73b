"""Locks that every process of a site sees, on whichever machine: files beside the repositories.

A lock ends with the process that holds it, however that ends: what nobody holds, nobody is at.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

STAGING = ".staging"  # below the repositories root; no repository can be called so


@contextmanager
def held(name: str) -> Iterator[bool]:
    """Hold the lock ``name`` for the block, if nobody else does; whether that is so."""
    path = Path(settings.REPOSITORIES_ROOT) / STAGING / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if not _is_at(file.fileno(), path):
                continue  # its holder has just deleted it
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
