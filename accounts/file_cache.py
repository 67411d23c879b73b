"""The cache of a site without Redis: files, which every worker process sees."""

from __future__ import annotations

import fcntl
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.cache.backends.filebased import FileBasedCache


class CountingFileCache(FileBasedCache):
    """Django's, but its counters keep their time and lose no count.

    Django's ``incr`` reads and writes without a lock, and gives the counter five more minutes whatever it had.
    """

    # What Django has and its types do not say.
    _dir: str
    _createdir: Callable[[], None]
    _key_to_file: Callable[..., str]

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        self._createdir()
        with Path(self._dir, "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            value = self.get(key, version=version)
            if value is None:
                raise ValueError(f"Key {key!r} not found")
            self.set(key, value + delta, self._left(key, version), version)
        return int(value + delta)

    def _left(self, key: Any, version: int | None) -> float | None:
        """Seconds until the entry expires, ``None`` for never."""
        try:
            with open(self._key_to_file(key, version), "rb") as file:
                expires: float | None = pickle.load(file)  # noqa: S301 - Django's own format, in a folder of ours
        except FileNotFoundError:
            return 0
        return None if expires is None else max(0, expires - time.time())
