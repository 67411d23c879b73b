"""The numbers of a repository's changesets: their places in ``rev-list --date-order --reverse``.

An index is made once for a set of tips by one process and then answers numbers, pages and date filters from memory.
The tips decide everything in it, so an index is never stale, and forks at the same tips share one.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from repos.vcs.git.isolation import git, objects_only
from repos.vcs.process import run
from repos.vcs.types import Position, Refs

TIMEOUT = 120.0
MAX_CHANGESETS = 400_000  # kept in memory over all repositories, about 150 bytes each
_MAX_REACHABLE = 64
_LATEST = 2**63 - 1  # seconds that an index holds


@dataclass(frozen=True, slots=True)
class Index:
    """``hashes``: all raw_ids in one text, oldest first; ``times``: committer dates in seconds, in the same order."""

    key: bytes
    hashes: str
    times: array[int]
    numbers: dict[bytes, int]

    def __len__(self) -> int:
        return len(self.times)

    def raw_id(self, number: int) -> str:
        return self.hashes[number * 40 : number * 40 + 40]

    def position(self, number: int) -> Position:
        return Position(number, self.hashes[number * 40 : number * 40 + 40])

    def positions(self, numbers: Sequence[int]) -> list[Position]:
        hashes = self.hashes
        return [Position(number, hashes[number * 40 : number * 40 + 40]) for number in numbers]

    def number(self, raw_id: str) -> int | None:
        return self.numbers.get(bytes.fromhex(raw_id))

    def between(self, numbers: Sequence[int], first: int | None, last: int | None) -> Sequence[int]:
        """Those of the ascending ``numbers`` from ``first`` to ``last``, both included."""
        start = 0 if first is None else bisect_left(numbers, first)
        end = len(numbers) if last is None else bisect_right(numbers, last)
        return numbers[start:end]


_indexes: OrderedDict[bytes, Index] = OrderedDict()
_reachable: OrderedDict[tuple[bytes, str], Sequence[int]] = OrderedDict()
_building: dict[bytes, Lock] = {}
_lock = Lock()


def index(path: Path, refs: Refs) -> Index:
    """The index of all branches and tags."""
    tips = list(dict.fromkeys([*refs.branches.values(), *refs.tags.values()]))
    key = hashlib.blake2b("".join(tips).encode("ascii"), digest_size=16).digest()
    with _lock:
        found = _indexes.get(key)
        if found is not None:
            _indexes.move_to_end(key)
            return found
        building = _building.setdefault(key, Lock())
    with building:
        with _lock:
            found = _indexes.get(key)
        if found is None:
            found = _build(path, key, tips)
        with _lock:
            _indexes[key] = found
            while len(_indexes) > 1 and sum(map(len, _indexes.values())) > MAX_CHANGESETS:
                _indexes.popitem(last=False)
            _building.pop(key, None)
    return found


def reachable(path: Path, within: Index, tip: str) -> Sequence[int]:
    """The numbers of ``tip`` and its ancestors, ascending."""
    key = (within.key, tip)
    with _lock:
        found = _reachable.get(key)
        if found is not None:
            _reachable.move_to_end(key)
            return found
    found = array("q", sorted(walk(path, within, [tip])))
    with _lock:
        _reachable[key] = found
        while len(_reachable) > _MAX_REACHABLE:
            _reachable.popitem(last=False)
    return found


def walk(
    path: Path, within: Index, tips: Sequence[str], filters: Sequence[str] = (), paths: Sequence[bytes] = ()
) -> list[int]:
    """The numbers that ``rev-list`` names from ``tips``, newest first."""
    output = run(
        git("rev-list", "--date-order", *filters, "--stdin", "--", *paths),
        input="".join(f"{tip}\n" for tip in tips).encode("ascii"),
        env=objects_only(path),
        timeout=TIMEOUT,
    )
    digits = bytes.fromhex(output.decode("ascii"))
    numbers = within.numbers
    found = (numbers.get(digits[at : at + 20]) for at in range(0, len(digits), 20))
    return [number for number in found if number is not None]


def _times(seconds: Sequence[bytes]) -> array[int]:
    """As numbers; Git says 2**64 - 1 for what somebody wrote that is no time at all."""
    try:
        return array("q", map(int, seconds))
    except OverflowError:
        return array("q", (min(int(text), _LATEST) for text in seconds))


def _build(path: Path, key: bytes, tips: Sequence[str]) -> Index:
    if not tips:
        return Index(key, "", array("q"), {})
    output = run(
        git("rev-list", "--date-order", "--reverse", "--timestamp", "--stdin"),
        input="".join(f"{tip}\n" for tip in tips).encode("ascii"),
        env=objects_only(path),
        timeout=TIMEOUT,
        max_output=None,
    ).split()
    hashes = b"".join(output[1::2])
    digits = bytes.fromhex(hashes.decode("ascii"))
    return Index(
        key=key,
        hashes=hashes.decode("ascii"),
        times=_times(output[0::2]),
        numbers={digits[number * 20 : number * 20 + 20]: number for number in range(len(digits) // 20)},
    )
