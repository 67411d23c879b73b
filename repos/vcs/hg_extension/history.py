# SPDX-License-Identifier: GPL-2.0-or-later
"""Which changesets there are, and what each is."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from math import isfinite
from typing import Any

from mercurial import obsutil
from mercurial.node import hex as tohex
from mercurial.node import nullrev

from repos.vcs.hg_extension.base import (
    CACHE,
    Call,
    Failure,
    Operation,
    has_node,
    node_of,
    path_bytes,
    path_text,
    resolve,
    rev_of,
    text,
)
from repos.vcs.hg_extension.sizes import first_larger

_POSITION = struct.Struct(">I20s")
_BATCH = 200
_POSITIONS_BATCH = 4096


def _resolve(call: Call) -> list[Any]:
    rev, node = resolve(call, call["revision"])
    return [rev, tohex(node).decode()]


def _tip(call: Call) -> list[Any] | None:
    cl = call.listed.changelog
    rev = cl.tiprev()
    return [] if rev == nullrev else [rev, tohex(cl.node(rev)).decode()]


def _count(call: Call) -> int:
    cl = call.listed.changelog
    return len(cl) - len(cl.filteredrevs)


def _refs(call: Call) -> dict[str, Any]:
    repo = call.listed
    cl = repo.changelog
    branches: dict[str, str] = {}
    closed: dict[str, str] = {}
    for name, rev, _active, is_open in repo.branchmap().branches_info(repo):
        (branches if is_open else closed)[text(name)] = tohex(cl.node(rev)).decode()
    tags = {text(name): tohex(node).decode() for name, node in repo.tags().items() if node != repo.nullid}
    bookmarks = {
        text(name): tohex(node).decode()
        for name, node in repo._bookmarks.items()  # noqa: SLF001 - has no public name
        if has_node(repo, node)
    }
    head = None
    if "default" in branches:
        head = "default"
    elif cl.tiprev() != nullrev:
        head = text(repo[cl.tiprev()].branch())
    return {"branches": branches, "closed_branches": closed, "tags": tags, "bookmarks": bookmarks, "head": head}


def _positions(call: Call) -> None:
    """Pieces of 24-byte records: number (big-endian) and node. Oldest first, or ``newest_first`` after ``skip``."""
    query = call["query"]
    repo = call.listed
    cl = repo.changelog
    low = resolve(call, query["start"])[0] if query["start"] is not None else 0
    high = resolve(call, query["end"])[0] if query["end"] is not None else cl.tiprev()
    newest_first = call["newest_first"]
    order = range(high, low - 1, -1) if newest_first else range(low, high + 1)
    revs: Iterable[int] = _matching(call, repo, query, order)
    if query["limit"] is not None:
        if newest_first:  # the limit takes the first ones, so these must be known before the page is cut
            revs = list(islice(_matching(call, repo, query, range(low, high + 1)), query["limit"]))[::-1]
        else:
            revs = islice(revs, query["limit"])
    if call["skip"] or call["count"] is not None:
        stop = None if call["count"] is None else call["skip"] + call["count"]
        revs = islice(revs, call["skip"], stop)
    node = cl.node
    pack = _POSITION.pack
    left = iter(revs)
    while batch := b"".join([pack(rev, node(rev)) for rev in islice(left, _POSITIONS_BATCH)]):
        call.send(batch)


def _matching(call: Call, repo: Any, query: dict[str, Any], order: range) -> Iterator[int]:
    """The revisions of ``order`` that the query's filters leave, cheap filters first."""
    cl = repo.changelog
    hidden = cl.filteredrevs
    revs: Iterator[int] = (rev for rev in order if rev not in hidden) if hidden else iter(order)
    if query["ancestors_of"] is not None:
        start = resolve(call, query["ancestors_of"])[0]
        ancestors = set(cl.ancestors([start], inclusive=True))
        revs = (rev for rev in revs if rev in ancestors)
    if query["branch"] is not None:
        branch = path_bytes(query["branch"])
        if branch not in repo.branchmap():
            raise Failure("revision", query["branch"])
        info = repo.revbranchcache().branchinfo
        revs = (rev for rev in revs if info(rev)[0] == branch)
    if any(query[name] is not None for name in ("since", "until", "author", "text", "path")):
        revs = (rev for rev in revs if _fits(cl.changelogrevision(rev), query))
    return revs


def _fits(entry: Any, query: dict[str, Any]) -> bool:
    if query["since"] is not None and entry.date[0] < query["since"]:
        return False
    if query["until"] is not None and entry.date[0] > query["until"]:
        return False
    if query["author"] is not None and query["author"] not in text(entry.user).lower():
        return False
    if query["text"] is not None and query["text"] not in text(entry.description).lower():
        return False
    if query["path"] is not None:
        path = path_bytes(query["path"])
        return any(name == path or name.startswith(path + b"/") for name in entry.files)
    return True


def _revisions(call: Call) -> dict[str, int]:
    repo = call.repo
    found = {}
    for raw_id in call["raw_ids"]:
        try:
            found[raw_id] = rev_of(repo, raw_id)
        except Failure:
            continue
    return found


def _changesets(call: Call) -> None:
    """Pieces of JSON, each a list of changesets."""
    repo = call.repo
    with_files = call["with_files"]
    nodes = [node_of(repo, raw_id) for raw_id in call["raw_ids"]]
    size = 20 if with_files else _BATCH
    for start in range(0, len(nodes), size):
        call.send_json([_changeset(repo, node, with_files) for node in nodes[start : start + size]])


def date(original: Callable[[Any], tuple[float, int]], entry: Any) -> tuple[float, int]:
    """Seconds and offset; 1970 where somebody wrote what is no number, for which Mercurial gives up its whole log."""
    try:
        seconds, offset = original(entry)
        return (seconds, offset) if isfinite(seconds) else (0.0, 0)
    except (ValueError, IndexError):
        return 0.0, 0


def _changeset(repo: Any, node: bytes, with_files: bool) -> list[Any]:
    cl = repo.changelog
    entry = cl.changelogrevision(node)
    seconds, offset = entry.date
    parents = [parent for parent in cl.parents(node) if parent != repo.nullid]
    return [
        tohex(node).decode(),
        text(entry.user),
        int(seconds),
        offset,
        text(entry.description),
        [tohex(parent).decode() for parent in parents],
        text(entry.extra[b"branch"]),
        b"close" in entry.extra,
        _file_changes(repo, entry, parents) if with_files else None,
    ]


def _file_changes(repo: Any, entry: Any, parents: list[bytes]) -> tuple[list[str], list[str], list[str]]:
    """(added, changed, removed) against the first parent; a changeset's own list of files lacks some of a merge."""
    log = repo.manifestlog
    first = log[repo.changelog.changelogrevision(parents[0]).manifest if parents else repo.nullid].read()
    changes: tuple[list[str], list[str], list[str]] = ([], [], [])
    for path, ((before, _), (after, _)) in first.diff(log[entry.manifest].read()).items():
        kind = 0 if before is None else 2 if after is None else 1
        changes[kind].append(path_text(path))
    for names in changes:
        names.sort()
    return changes


def _missing(call: Call) -> list[str]:
    return [tohex(node).decode() for node in _missing_in(call)[1]]


def _missing_in(call: Call) -> tuple[Any, list[bytes]]:
    """The source, and what it has that the target lacks."""
    repo = call.repo
    source = CACHE.get(call.ui, call.path("source"))
    target = node_of(repo, call["target_id"])
    head = node_of(source, call["source_id"])
    return source, source.changelog.findmissing(common_with(repo, [target], source), [head])


def _successor(call: Call) -> str:
    """Itself where it is listed, else the newest of the changesets that replaced it; empty where there is no such, or
    where it was replaced in several ways."""
    listed, node = call.listed, node_of(call.repo, call["raw_id"])
    if not has_node(listed, node):
        ways = obsutil.successorssets(call.repo, node)
        if len(ways) != 1 or not has_node(listed, ways[0][-1]):
            return ""
        node = ways[0][-1]
    found: str = tohex(node).decode()
    return found


def _large_file(call: Call) -> tuple[str, int] | None:
    source, missing = _missing_in(call)
    found = first_larger(source, missing, call["limit"])
    return found and (path_text(found[0]), found[1])


def common_with(repo: Any, heads: list[bytes], other: Any) -> list[bytes]:
    """The newest ancestors of ``heads`` here that ``other`` has too."""
    cl = repo.changelog
    if all(has_node(other, node) for node in heads):
        return heads
    common = []
    seen = set(heads)
    waiting = list(heads)
    while waiting:
        node = waiting.pop()
        if has_node(other, node):
            common.append(node)
            continue
        for parent in cl.parents(node):
            if parent not in seen and parent != repo.nullid:
                seen.add(parent)
                waiting.append(parent)
    return common


OPERATIONS: dict[str, Operation] = {
    "resolve": _resolve,
    "tip": _tip,
    "count": _count,
    "refs": _refs,
    "positions": _positions,
    "revisions": _revisions,
    "changesets": _changesets,
    "missing": _missing,
    "successor": _successor,
    "large_file": _large_file,
}
