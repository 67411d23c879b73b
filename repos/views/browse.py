"""Looking at a repository: summary, changelog, files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any
from urllib.parse import unquote

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.pages import page
from repos import code, graph, readme
from repos.models import Repository
from repos.services import access, activity, changesets
from repos.services.changesets import Row
from repos.vcs.errors import NodeNotFound, RevisionNotFound, TooLarge
from repos.vcs.types import LogQuery, Node, NodeType, Position, Refs
from repos.views.base import RepositoryRequest, address, locate
from repos.views.files import image_type, is_binary

CHANGES = 50  # changesets on a page of the changelog
ENTRIES = 1000  # of a folder on one page
MOST_FOUND = 100  # files by a part of their path
LARGEST_SHOWN = 1024 * 1024  # bytes of a file


def labels_of(refs: Refs) -> dict[str, list[tuple[str, str]]]:
    """raw_id -> the references that point to it, as (kind, name)."""
    found: dict[str, list[tuple[str, str]]] = {}
    groups = (
        ("branch", refs.branches),
        ("closed", refs.closed_branches),
        ("tag", refs.tags),
        ("bookmark", refs.bookmarks),
    )
    for kind, names in groups:
        for name, raw_id in names.items():
            found.setdefault(raw_id, []).append((kind, name))
    return found


def change_rows(
    repository: Repository, positions: Sequence[Position], *, with_graph: bool = False, refs: Refs | None = None
) -> list[dict[str, Any]]:
    """What a table of changesets shows, in the order of ``positions``."""
    rows: list[Row] = list(changesets.read(repository, [position.raw_id for position in positions]))
    pictures = graph.draw(graph.layout([(row.raw_id, row.parents) for row in rows])) if with_graph else []
    labels = labels_of(refs) if refs is not None else {}
    return [
        {
            "changeset": row,
            "revision": position.revision,
            "labels": labels.get(row.raw_id, []),
            "graph": pictures[index] if pictures else "",
        }
        for index, (row, position) in enumerate(zip(rows, positions, strict=True))
    ]


@require_safe
def summary(request: RepositoryRequest) -> HttpResponseBase:
    """What it is, how to clone it, what happened last, and its README."""
    repository, vcs = request.repository, request.repository.vcs
    context: dict[str, Any] = {"tab": "summary", "clone_url": clone_url(request)}
    context["number_url"] = request.build_absolute_uri(address(f"_{repository.pk}"))
    if repository.state != Repository.State.CREATED:
        return page(request, "repos/pending.html", {**context, "job": repository.jobs.first()})
    newest = vcs.page(LogQuery(), skip=0, count=10)
    context["is_following"] = repository.followers.filter(user=request.actor.user).exists()
    context["fields"] = repository.extra_fields.all()
    context["may_fork"] = access.may_fork(request.actor)
    if newest:
        refs = vcs.refs()
        position = _landing(repository, newest[0])
        context |= {
            "changes": change_rows(repository, newest, refs=refs),
            "refs": refs,
            "revision": position.raw_id,
            "readme": _readme(repository, position.raw_id, ""),
            "activity": _activity(repository),
        }
    return page(request, "repos/summary.html", context)


def _activity(repository: Repository) -> str:
    """The plot of the last year; nothing where nothing happened."""
    counts = activity.weekly(repository)
    return graph.bars(counts) if any(counts) else ""


def clone_url(request: RepositoryRequest) -> str:
    return unquote(request.build_absolute_uri(address(request.repository)))


def _landing(repository: Repository, newest: Position) -> Position:
    """What visitors see first: the landing revision, the newest changeset while that does not exist."""
    kind, name = repository.landing_rev
    if (kind, name) == ("rev", "tip"):
        return newest
    try:
        return repository.vcs.resolve(name)
    except RevisionNotFound:
        return newest


def _readme(repository: Repository, raw_id: str, folder: str) -> dict[str, Any] | None:
    """The README of a folder, rendered; at most one is read."""
    nodes = repository.vcs.nodes(raw_id, folder)
    return _readme_among(repository, raw_id, nodes)


def _readme_among(repository: Repository, raw_id: str, nodes: Sequence[Node]) -> dict[str, Any] | None:
    files = {node.path.rpartition("/")[2]: node for node in nodes if node.type is NodeType.FILE}
    name = readme.find(list(files))
    if name is None or files[name].mode == 0o120000:
        return None
    try:
        content = repository.vcs.read_file(raw_id, files[name].path, max_bytes=readme.LARGEST)
    except (TooLarge, NodeNotFound):
        return None
    return {"name": files[name].path, "html": _rendered(repository, raw_id, files[name].path, content)}


def _rendered(repository: Repository, raw_id: str, path: str, content: bytes) -> SafeString:
    """A file of markup, its links and pictures leading into the same changeset."""
    text = content.decode("utf-8", "replace")
    return readme.render(path, text, lambda view, target: address(repository, view, raw_id, target))


# -- changelog -----------------------------------------------------------------------------------------------------


@require_safe
def changelog(request: RepositoryRequest, rest: str = "") -> HttpResponseBase:
    """``changelog``, ``changelog/<revision>`` (its ancestors), ``changelog/<revision>/<path>`` (a file's history)."""
    repository, vcs = request.repository, request.repository.vcs
    number = int(text) if (text := request.GET.get("page", "1")).isdecimal() and len(text) < 7 else 1
    position, path = locate(repository, rest) if rest else (None, "")
    filters = {
        name: request.GET.get(name, "").replace("\0", "") for name in ("branch", "author", "q", "since", "until")
    }
    query = LogQuery(
        branch=filters["branch"] or None,
        author=filters["author"] or None,
        text=filters["q"] or None,
        since=_day(filters["since"], time.min),
        until=_day(filters["until"], time.max),
        path=path.strip("/") or None,
        ancestors_of=position.raw_id if position else None,
    )
    found = vcs.page(query, skip=max(number - 1, 0) * CHANGES, count=CHANGES + 1)
    refs = vcs.refs()
    is_plain = not (path or filters["author"] or filters["q"] or filters["since"] or filters["until"])
    context = {
        "tab": "changelog",
        "changes": change_rows(repository, found[:CHANGES], with_graph=is_plain, refs=refs),
        "filters": filters,
        "branches": [*sorted(refs.branches), *sorted(refs.closed_branches)],
        "number": number,
        "has_next": len(found) > CHANGES,
        "path": path,
        "revision": position.raw_id if position else "",
        "total": vcs.count() if is_plain and not filters["branch"] and not position else None,
    }
    return page(request, "repos/changelog.html", context)


def _day(text: str, moment: time) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:  # 31 February
        return None
    return datetime.combine(day, moment.replace(microsecond=0), tzinfo=UTC) if day else None


# -- files ---------------------------------------------------------------------------------------------------------


@require_safe
def files_entry(request: RepositoryRequest) -> HttpResponseBase:
    """``files`` without a revision; also where the choice of a reference leads (``?at=<revision>&path=<path>``)."""
    repository = request.repository
    wanted = request.GET.get("at", "")
    newest = repository.vcs.page(LogQuery(), skip=0, count=1)
    if not newest:
        return page(request, "repos/empty.html", {"tab": "files", "clone_url": clone_url(request)})
    position = repository.vcs.resolve(wanted) if wanted else _landing(repository, newest[0])
    query = "?" + urlencode({"at": wanted}) if wanted else ""
    return HttpResponseRedirect(
        address(repository, "files", position.raw_id, request.GET.get("path", "").strip("/")) + query
    )


@require_safe
def files(request: RepositoryRequest, rest: str) -> HttpResponseBase:
    """A folder or a file."""
    repository, vcs = request.repository, request.repository.vcs
    position, path = locate(repository, rest)
    path = path.strip("/")
    refs = vcs.refs()
    context: dict[str, Any] = {"tab": "files", "position": position, "path": path, "crumbs": crumbs(path)}
    context |= {"refs": refs, "at": _name_of(refs, position, request.GET.get("at", ""))}
    if path and vcs.node(position.raw_id, path).type is not NodeType.DIR:
        return _file(request, position, path, context)
    nodes = vcs.nodes(position.raw_id, path, with_size=True, most_sizes=ENTRIES)
    found = Paginator(nodes, ENTRIES).get_page(request.GET.get("page"))
    rows = [(node, node.path.rpartition("/")[2]) for node in found]
    change = next(changesets.read(repository, [position.raw_id]))
    context |= {"page": found, "rows": rows, "changeset": change}
    context["readme"] = _readme_among(repository, position.raw_id, nodes)
    if words := request.GET.get("find", "").lower().split()[:10]:  # what the page's script does while one types
        files = (node.path for node in vcs.nodes(position.raw_id, recursive=True) if node.type is not NodeType.DIR)
        matching = (path for path in files if all(word in path.lower() for word in words))
        context |= {"find": " ".join(words), "found": list(islice(matching, MOST_FOUND))}
    return page(request, "repos/folder.html", context)


def _name_of(refs: Refs, position: Position, wanted: str) -> str:
    """What the choice of references shows for ``position``: what was chosen, else a branch that points there."""
    every = {**refs.tags, **refs.bookmarks, **refs.branches}
    names = [name for name in [*refs.branches, *every] if every[name] == position.raw_id]
    return wanted or (refs.head if refs.head in names else next(iter(names), "")) or ""


def crumbs(path: str) -> list[tuple[str, str]]:
    """(name, path so far) of every part."""
    parts = path.split("/") if path else []
    return [(part, "/".join(parts[: index + 1])) for index, part in enumerate(parts)]


def _file(request: RepositoryRequest, position: Position, path: str, context: dict[str, Any]) -> HttpResponse:
    repository, vcs = request.repository, request.repository.vcs
    node = vcs.node(position.raw_id, path)
    context |= {
        "node": node,
        "image": image_type(path),
        "changeset": next(changesets.read(repository, [position.raw_id])),
    }
    if node.type is NodeType.SUBMODULE or context["image"]:
        return page(request, "repos/file.html", context)
    try:
        content = vcs.read_file(position.raw_id, path, max_bytes=LARGEST_SHOWN)
    except TooLarge:
        return page(request, "repos/file.html", {**context, "is_large": True})
    context["is_binary"] = is_binary(content)
    if not context["is_binary"]:
        text = content.decode("utf-8", "replace")
        context["is_markup"] = readme.is_markup(path)
        if context["is_markup"] and "source" not in request.GET and len(content) <= readme.LARGEST:
            context["html"] = _rendered(repository, position.raw_id, path, content)
        else:
            context["lines"] = code_lines(path, text)
    return page(request, "repos/file.html", context)


def code_lines(path: str, text: str) -> list[str]:
    """A file's lines as HTML."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    colours = code.pieces_of(path, lines)
    return [code.paint(line, colours[number] if colours else None) for number, line in enumerate(lines)]


@require_safe
def annotate(request: RepositoryRequest, rest: str) -> HttpResponseBase:
    """Which changeset wrote each line."""
    repository, vcs = request.repository, request.repository.vcs
    position, path = locate(repository, rest)
    annotated = vcs.annotate(position.raw_id, path, max_bytes=LARGEST_SHOWN)
    has_no_lines = any(is_binary(line.content) for line in annotated)
    if has_no_lines:
        annotated = []
    lines = [line.content.decode("utf-8", "replace").rstrip("\r\n") for line in annotated]
    wrote = {row.raw_id: row for row in changesets.read(repository, list({line.raw_id for line in annotated}))}
    colours = code.pieces_of(path, lines)
    rows = []
    previous = ""
    for number, line in enumerate(annotated):
        by = wrote[line.raw_id] if line.raw_id != previous else None
        rows.append((number + 1, by, code.paint(lines[number], colours[number] if colours else None)))
        previous = line.raw_id
    context: dict[str, Any] = {"tab": "files", "position": position, "path": path, "crumbs": crumbs(path), "rows": rows}
    context["is_binary"] = has_no_lines
    context["changeset"] = next(changesets.read(repository, [position.raw_id]))
    return page(request, "repos/annotate.html", context)
