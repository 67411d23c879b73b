"""What changed: one changeset, or the way from one revision to another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from django.http import Http404, HttpResponseBase, HttpResponseRedirect
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.pages import page
from repos import diff_html
from repos.diff_html import After, nothing
from repos.models import Repository, RepositoryChangeset
from repos.services import changesets
from repos.vcs.errors import EmptyRepository, RevisionNotFound
from repos.vcs.types import DiffOptions, LogQuery, Position
from repos.vcs.unified import MOST_BYTES, MOST_FILES, parse
from repos.views.base import RepositoryRequest, address
from repos.views.browse import change_rows, labels_of
from repos.views.diffs import options
from repos.views.files import image_type

MOST_CHANGES = 100  # changesets listed when comparing

_REF = r"(?:(?:branch|tag|book|bookmark|rev)@)?"
_RANGE = re.compile(rf"{_REF}(?P<old>.+?)\.\.\.{_REF}(?P<new>.+)", re.DOTALL)


def diff_context(
    request: RepositoryRequest, pieces: Iterator[bytes], old: str | None, new: str, after: After = nothing
) -> dict[str, Any]:
    """What ``repos/diff.html`` shows. With ``?path=`` it is about one file, of which more is shown.

    ``after``: what follows a line, such as the comments on it.
    """
    is_one = "path" in request.GET
    diff = parse(pieces, max_file_lines=10_000 if is_one else 2_000, max_lines=10_000 if is_one else 6_000)
    is_split = request.GET.get("diff") == "split"
    return {
        "diff": diff,
        "tables": diff_html.tables(diff.files, split=is_split, after=after),
        "is_split": is_split,
        "ignorews": options(request).ignore_whitespace,
        "context_lines": options(request).context,
        "only": request.GET.get("path", ""),
        "old_id": old,
        "new_id": new,
        "images": {file.path for file in diff.files if file.is_binary and image_type(file.path)},
    }


def paths(request: RepositoryRequest) -> tuple[str, ...]:
    """``?path=``: one file. Not from ``request.GET``, which knows UTF-8 only."""
    wanted = parse_qs(request.META.get("QUERY_STRING", ""), errors="surrogateescape").get("path", [""])[-1]
    return (wanted,) if wanted else ()


def shown(request: RepositoryRequest) -> DiffOptions:
    """What a page asks of a diff: no more than it can show, and one file more, to know that there is more."""
    wanted = options(request, *paths(request))
    return replace(wanted, most_files=MOST_FILES + 1, largest_file=MOST_BYTES)


@require_safe
def changeset(request: RepositoryRequest, revision: str) -> HttpResponseBase:
    """One changeset against its first parent; ``a...b`` leads to the comparison that includes both."""
    if "..." in revision:
        return _range(request.repository, *revision.split("...", 1))
    position = request.repository.vcs.resolve(revision)
    return page(request, "repos/changeset.html", changeset_context(request, position))


def changeset_context(request: RepositoryRequest, position: Position, after: After = nothing) -> dict[str, Any]:
    """What ``repos/changeset.html`` shows."""
    repository, vcs = request.repository, request.repository.vcs
    row = next(changesets.read(repository, [position.raw_id]))
    parent = row.parents[0] if row.parents else None
    pieces = vcs.diff(parent, position.raw_id, shown(request))
    is_listed = RepositoryChangeset.objects.filter(repository=repository, changeset=position.raw_id).exists()
    return {
        "tab": "changelog",
        "changeset": row,
        "is_listed": is_listed,
        "successor": None if is_listed else vcs.successor(position.raw_id),
        "position": position,
        "labels": labels_of(vcs.refs()).get(position.raw_id, []),
        **diff_context(request, pieces, parent, position.raw_id, after),
    }


def _range(repository: Repository, first: str, last: str) -> HttpResponseBase:
    start, end = repository.vcs.resolve(first), repository.vcs.resolve(last)
    parents = next(changesets.read(repository, [start.raw_id])).parents
    old = parents[0] if parents else start.raw_id
    return HttpResponseRedirect(address(repository, "compare", f"{old}...{end.raw_id}"))


@require_safe
def compare(request: RepositoryRequest, rest: str = "") -> HttpResponseBase:
    """``compare/<ref>...<ref>``, each maybe with ``branch@`` and the like; ``?other_repo=`` for the second one.

    ``?merge=1`` compares with the common ancestor: what the second one would bring.
    """
    repository = request.repository
    if not rest:
        return _choose(request)
    match = _RANGE.fullmatch(rest)
    if match is None:
        raise Http404
    other = _other(request)
    old = repository.vcs.resolve(match["old"])
    new = other.vcs.resolve(match["new"])
    ids = repository.vcs.missing(other.path, new.raw_id, old.raw_id)
    revisions = other.vcs.revisions(ids[-MOST_CHANGES:])
    positions = [Position(revisions.get(raw_id, 0), raw_id) for raw_id in reversed(ids[-MOST_CHANGES:])]
    is_merge = request.GET.get("merge") == "1"
    base = repository.vcs.common_ancestor(old.raw_id, new.raw_id, other.path) if is_merge else None
    base = base or old.raw_id  # two histories with nothing in common
    pieces = repository.vcs.diff_between(other.path, base, new.raw_id, shown(request))
    context = {
        "tab": "compare",
        "other": other,
        "old_name": match["old"],
        "new_name": match["new"],
        "changes": change_rows(other, positions),
        "count": len(ids),
        "is_merge": is_merge,
        **diff_context(request, pieces, base, new.raw_id),
    }
    return page(request, "repos/compare.html", context)


def _other(request: RepositoryRequest) -> Repository:
    name = request.GET.get("other_repo", "")
    if not name or "\0" in name:
        return request.repository
    other = Repository.objects.visible_to(request.actor).filter(name=name, kind=request.repository.kind).first()
    if other is None:
        raise Http404
    return other


def _names_something(repository: Repository, revision: str) -> bool:
    try:
        repository.vcs.resolve(revision)
    except (RevisionNotFound, EmptyRepository):
        return False
    return True


def _choose(request: RepositoryRequest) -> HttpResponseBase:
    """Ask what to compare; the answer becomes an address."""
    repository = request.repository
    old, new = request.GET.get("old", "").strip(), request.GET.get("new", "").strip()
    other = _other(request)
    missing = [name for where, name in ((repository, old), (other, new)) if name and not _names_something(where, name)]
    if old and new and not missing:
        query = {"other_repo": other.name} if other.pk != repository.pk else {}
        query |= {"merge": "1"} if request.GET.get("merge") == "1" else {}
        target = address(repository, "compare", f"{old}...{new}")
        return HttpResponseRedirect(target + (f"?{urlencode(query)}" if query else ""))
    related = Repository.objects.visible_to(request.actor).filter(fork_of=repository)
    if repository.fork_of_id:
        related |= Repository.objects.visible_to(request.actor).filter(pk=repository.fork_of_id)
    is_empty = not repository.vcs.page(LogQuery(), skip=0, count=1)
    context = {
        "tab": "compare",
        "refs": None if is_empty else repository.vcs.refs(),
        "other_refs": None if is_empty else other.vcs.refs(),
        "other": other,
        "related": related,
        "chosen": {"old": old, "new": new},
        "missing": missing,
    }
    return page(request, "repos/compare_choose.html", context)
