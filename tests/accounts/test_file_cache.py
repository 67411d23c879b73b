"""The counters that stand between a site without Redis and whoever tries many keys."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts.file_cache import CountingFileCache


@pytest.fixture
def cache(tmp_path):
    return CountingFileCache(str(tmp_path / "cache"), {})


def test_counting_does_not_make_a_counter_live_longer(cache, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    cache.add("failures", 0, 60)
    now += 59
    assert [cache.incr("failures") for _ in range(3)] == [1, 2, 3]
    assert cache.get("failures") == 3
    now += 2
    assert cache.get("failures") is None
    with pytest.raises(ValueError, match="not found"):
        cache.incr("failures")


def test_a_counter_without_an_end_keeps_none(cache):
    cache.set("calls", 5, None)
    assert cache.incr("calls", 2) == 7
    assert cache._left("calls", None) is None


def test_no_count_is_lost(cache):
    cache.add("failures", 0, 60)
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: cache.incr("failures"), range(80)))
    assert sorted(seen) == list(range(1, 81))
