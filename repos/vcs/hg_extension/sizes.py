# SPDX-License-Identifier: GPL-2.0-or-later
"""How large files are, without reading more than needed, and whether one was too large."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

LARGEST_TEXT = 32 << 20  # bytes of a file that is compared by lines

_NO_MEMORY = re.compile(r"(out of|not enough|allocate) memory")  # as Python, zlib and zstd have it


def stored_size(log: Any, node: bytes) -> int:
    """With what Mercurial notes in the content of a file that was copied."""
    return int(log._revlog.size(log.rev(node)))  # noqa: SLF001 - size() of the log may read the file


def size_in(log: Any, node: bytes) -> int:
    """The size of a file. Of a large one it is nearly that: to know better it would be read, which takes long."""
    stored = stored_size(log, node)
    return stored if stored > LARGEST_TEXT else int(log.size(log.rev(node)))


def first_larger(repo: Any, changesets: Iterable[int | bytes], limit: int) -> tuple[bytes, int] | None:
    """(path, size) of a file of more than ``limit`` bytes that one of ``changesets`` brought.

    Their trees are compared with those of their parents: a changeset's own list of files can be wrong.
    """
    for changeset in (repo[changeset] for changeset in changesets):
        first, *others = (parent.manifest() for parent in changeset.parents())
        for path, (_, (node, _)) in first.diff(changeset.manifest()).items():
            if node is None or any(path in other and other[path] == node for other in others):
                continue
            log = repo.file(path)
            if stored_size(log, node) > limit and (size := size_in(log, node)) > limit:
                return path, size
    return None


def out_of_memory(problem: BaseException | None) -> bool:
    """Whether the process had no more, also where Mercurial has made another error of it."""
    while problem is not None:
        if isinstance(problem, MemoryError) or _NO_MEMORY.search(str(problem)):
            return True
        problem = problem.__context__
    return False
