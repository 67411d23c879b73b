"""How often something happened lately, for what is bounded: wrong keys, archives, messages."""

from __future__ import annotations

from django.core.cache import cache


def one_more(key: str, window: int) -> int:
    """Count once more under ``key``; how often that was within ``window`` seconds, counted from the first time."""
    cache.add(key, 0, window)
    try:
        return cache.incr(key)
    except ValueError:  # it expired in between
        cache.set(key, 1, window)
        return 1
