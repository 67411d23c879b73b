"""Methods that read the history and the files of a repository."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.utils import timezone

from accounts.actors import Actor
from api import lookups
from api.errors import ApiError
from api.method import ApiNamespace, Id, JsonObject, RawJson, Text
from api.paging import EVERYTHING, positive, window
from api.serializers_reviews import comments_of, inline_comments_of, reviews_of
from repos.models import Repository
from repos.services import changesets
from repos.services.changesets import Row, printable, split_author
from repos.vcs.backend import Repository as VcsRepository
from repos.vcs.errors import EmptyRepository, NodeNotFound, RevisionNotFound, TooLarge, VcsError
from repos.vcs.types import NULL_ID, LogQuery, Node, NodeType, Position

namespace = ApiNamespace()

DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"
LONGEST_DIFF = 1024 * 1024  # bytes that get_repo_changes answers at the most
LONGEST_FILE = 16 * 1024 * 1024  # bytes that get_repo_file answers at the most


@namespace.method(target=lookups.repository)
def get_changesets(
    actor: Actor,
    repoid: Id,
    start: Id = None,
    end: Id = None,
    start_date: str | None = None,
    end_date: str | None = None,
    branch_name: str | None = None,
    reverse: bool = False,
    with_file_list: bool = False,
    max_revisions: int | None = None,
    page: int | None = None,
    per_page: int | None = None,
) -> RawJson:
    """List the changesets of a repository, oldest first.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.
        start: first changeset, itself included: hash (in Mercurial short ones too), number, branch, tag, bookmark or
            ``tip``.
        end: last changeset, itself included.
        start_date: only changesets of this moment or later, ``YYYY-MM-DDTHH:MM:SS`` in the server's time zone.
        end_date: only changesets of this moment or earlier.
        branch_name: Mercurial: changesets on that named branch; Git: changesets reachable from that branch.
        reverse: newest first.
        with_file_list: with the paths that each changeset added, changed and removed.
        max_revisions: at most this many, counted before ``reverse``: the first ones of Mercurial, the last of Git.
        page: with ``per_page``: which page of the answer, from 1.
        per_page: changesets on a page, 100 when only ``page`` is given.

    Returns:
        A list of objects: ``raw_id``, ``short_id``, ``revision`` (number), ``message``, ``date``, ``author``, and with
        ``with_file_list`` also ``added``, ``changed``, ``removed``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Repository is empty: there is no changeset at all.
        revision 'x' does not exist: ``start``, ``end`` or ``branch_name`` names nothing.
        `start` 5 comes after `end` 2: the other way round.
    """
    repository = _readable(actor, repoid)
    if start == "" and repository.kind == Repository.Kind.GIT:
        start = None  # as an empty end, which is the newest; Mercurial refuses both (recorded)
    query = LogQuery(
        start=_revision("start", start),
        end=_revision("end", end),
        since=_moment("start_date", start_date),
        until=_moment("end_date", end_date),
        branch=branch_name or None,
        limit=positive("max_revisions", max_revisions or None),
    )
    vcs = repository.vcs
    if vcs.is_empty():
        raise ApiError("Repository is empty")
    part = window(page, per_page)
    if part != EVERYTHING and query == LogQuery():
        positions = _unfiltered_page(vcs, part.start, part.stop - part.start, reverse)
    else:
        positions = _select(vcs, query)[:: -1 if reverse else 1][part]
    return RawJson(_json_rows(repository, positions, with_file_list))


def _readable(actor: Actor, repoid: Id) -> Repository:
    """The repository, with no more than reading its history takes: its other fields cost as much as a changeset."""
    return lookups.repository(actor, repoid, only=("name", "kind"))


def _unfiltered_page(vcs: VcsRepository, first: int, size: int, reverse: bool) -> Sequence[Position]:
    """One page of everything, without listing the rest."""
    if reverse:
        return vcs.page(LogQuery(), skip=first, count=size)
    count = max(0, min(size, vcs.count() - first))
    return vcs.page(LogQuery(), skip=vcs.count() - first - count, count=count)[::-1] if count else []


def _select(vcs: VcsRepository, query: LogQuery) -> Sequence[Position]:
    if query.start is not None and query.end is not None:
        start, end = vcs.resolve(query.start), vcs.resolve(query.end)
        if start.revision > end.revision:  # Kallithea fails here instead of finding nothing (recorded)
            raise ApiError(f"`start` {query.start} comes after `end` {query.end}")
    return vcs.positions(query)


def _json_rows(repository: Repository, positions: Sequence[Position], with_files: bool) -> Iterator[bytes]:
    """The answer in pieces of one batch each. The first is made before anything is sent, so that errors are seen."""
    pieces = _batches(repository, positions, with_files)
    first = next(pieces, b"")

    def whole() -> Iterator[bytes]:
        yield b"["
        yield first
        yield from pieces
        yield b"]"

    return whole()


def _batches(repository: Repository, positions: Sequence[Position], with_files: bool) -> Iterator[bytes]:
    zone = timezone.get_default_timezone()
    for start in range(0, len(positions), changesets.BATCH):
        batch = positions[start : start + changesets.BATCH]
        rows = changesets.read(repository, [position.raw_id for position in batch], with_files=with_files)
        texts = []
        for (revision, _), row in zip(batch, rows, strict=True):
            text = orjson.dumps(
                {
                    "short_id": row.raw_id[:12],
                    "raw_id": row.raw_id,
                    "revision": revision,
                    "message": row.message,
                    "date": datetime.fromtimestamp(row.timestamp, zone).replace(tzinfo=None),
                    "author": row.author,
                }
            )
            # The stored file list is JSON already: two objects become one.
            texts.append(text[:-1] + b"," + row.files[1:].encode() if with_files else text)
        yield (b"," if start else b"") + b",".join(texts)


def _revision(name: str, value: Any) -> str | int | None:
    if isinstance(value, bool) or not isinstance(value, int | str | None):
        raise ApiError(f"Invalid `{name}` arg in JSON DATA: must be a number or a name")
    return value


def _moment(name: str, text: str | None) -> datetime | None:
    """A date argument in the server's zone; an empty text counts as not given (recorded)."""
    if not text:
        return None
    try:
        return timezone.make_aware(datetime.strptime(text, DATE_FORMAT), timezone.get_default_timezone())  # noqa: DTZ007
    except (ValueError, OverflowError):
        raise ApiError(f"Invalid `{name}` arg in JSON DATA: must look like 2026-11-23T10:42:00") from None


@namespace.method(target=lookups.repository)
def get_changeset(
    actor: Actor,
    repoid: Id,
    raw_id: Id,
    with_reviews: bool = False,
    with_comments: bool = False,
    with_inline_comments: bool = False,
) -> JsonObject:
    """Show one changeset with the files it touched.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.
        raw_id: hash (in Mercurial short ones too), number, branch, tag, bookmark or ``tip``.
        with_reviews: with the latest vote of all.
        with_comments: with the comments on the changeset as a whole.
        with_inline_comments: with the comments on files and lines.

    Returns:
        ``raw_id`` (also as ``id``), ``short_id``, ``revision`` (number), ``date``, ``message``, ``author`` (``name``
        and ``email``), ``added``, ``changed``, ``removed`` (lists of paths), and what was asked for of ``reviews``
        (``status``, ``modified_at``, ``reviewer``), ``comments`` (``comment_id``, ``username``, ``text``) and
        ``inline_comments`` (for each file a pair of its path and an object of comments by line: ``n12`` new side,
        ``o7`` old side).

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Changeset x does not exist: no changeset of that name.
    """
    repository = _readable(actor, repoid)
    position = _resolve(repository, raw_id)
    row = changesets.read_one(repository, position.raw_id) if position.raw_id != NULL_ID else _NULL_ROW
    data = changeset_data(row, position.revision)
    if with_reviews:
        data["reviews"] = reviews_of(actor, repository, row.raw_id)
    if with_comments:
        data["comments"] = comments_of(repository, row.raw_id)
    if with_inline_comments:
        data["inline_comments"] = inline_comments_of(repository, row.raw_id)
    return data


#: Mercurial's ``null``: the parent of roots, which its name finds (recorded).
_NULL_ROW = Row(NULL_ID, "", 0, "", "", "", '{"added":[],"changed":[],"removed":[]}')


def _resolve(repository: Repository, revision: Any) -> Position:
    """The changeset meant by an argument; null means the newest."""
    if revision == "null" and repository.kind == Repository.Kind.HG:
        return Position(-1, NULL_ID)
    wanted = "tip" if revision is None else revision
    if isinstance(wanted, bool) or not isinstance(wanted, int | str):
        raise ApiError(f"Changeset {revision} does not exist")
    try:
        return repository.vcs.resolve(wanted)
    except (RevisionNotFound, EmptyRepository):
        raise ApiError(f"Changeset {revision} does not exist") from None


def changeset_data(row: Row, revision: int) -> JsonObject:
    """A changeset as get_changeset answers it."""
    name, email = split_author(row.author)
    zone = timezone.get_default_timezone()
    moment = datetime.fromtimestamp(row.timestamp, zone).replace(tzinfo=None)
    return {
        "id": row.raw_id,  # in the published example only
        "raw_id": row.raw_id,
        "short_id": row.raw_id[:12],
        "revision": revision,
        "date": moment if row.raw_id != NULL_ID else datetime(1970, 1, 1),  # noqa: DTZ001 - naive on the wire
        "message": row.message,
        "author": {"name": name, "email": email},
        **orjson.loads(row.files),
    }


@namespace.method(takes_null=("ret_type",))
def get_repo_nodes(actor: Actor, repoid: Id, revision: Id, root_path: Text, ret_type: Text = "all") -> list[JsonObject]:
    """List the files and folders below a folder, folders first.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.
        revision: hash, number, branch, tag, bookmark or ``tip``.
        root_path: the folder to start from; ``/`` for all.
        ret_type: ``all``, ``dirs`` or ``files``.

    Returns:
        A list of ``name`` (full path) and ``type`` (``dir`` or ``file``; ``submodule`` for another repository's place).

    Raises:
        repository `x` does not exist: unknown, or no permission.
        ret_type must be one of all,dirs,files: another value.
        failed to get repo: `x` nodes: no such revision or folder.
    """
    repository = _readable(actor, repoid)
    if ret_type not in ("all", "dirs", "files"):
        raise ApiError("ret_type must be one of all,dirs,files")
    try:
        position = _resolve(repository, revision)
        nodes = repository.vcs.nodes(position.raw_id, _folder(root_path), recursive=True)
    except (ApiError, VcsError, ValueError):
        raise ApiError(f"failed to get repo: `{repository.name}` nodes") from None
    walk = walk_order(nodes, _folder(root_path))
    folders = [node for node in walk if node.type is not NodeType.FILE]
    files = [node for node in walk if node.type is NodeType.FILE]
    chosen = {"all": folders + files, "dirs": folders, "files": files}[ret_type]
    return [{"name": printable(node.path), "type": node.type.value} for node in chosen]


def _folder(root_path: Any) -> str:
    if not isinstance(root_path, str):
        raise ValueError("no path")
    return root_path.strip("/")


def walk_order(nodes: Sequence[Node], root: str) -> list[Node]:
    """Nodes in the order of a walk: the entries of a folder, then of its first subfolder, and so on (recorded)."""
    children: dict[str, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.path.rpartition("/")[0], []).append(node)
    ordered: list[Node] = []
    pending = [root]
    while pending:
        entries = children.get(pending.pop(), [])
        ordered += entries
        pending += [node.path for node in reversed(entries) if node.type is NodeType.DIR]
    return ordered


@namespace.method(spellings={"revision": "commit_id"})
def get_repo_file(
    actor: Actor, repoid: Id, commit_id: Id, file_path: str, max_file_bytes: int | None = None
) -> JsonObject:
    """Read one file of a repository.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.
        commit_id: hash, number, branch, tag, bookmark or ``tip``.
        file_path: path from the repository's root.
        max_file_bytes: refuse longer files; 16 MiB at the most.

    Returns:
        ``name``, ``path``, ``raw_id``, ``size`` (bytes), ``mode`` (octal text as Git writes it), ``binary``, and the
        ``content`` as text, or as Base64 in ``content_base64`` when it is not UTF-8.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Changeset x does not exist: no changeset of that name.
        file `x` does not exist: no such file there.
        file `x` is larger than n bytes: above the bound.
    """
    repository = _readable(actor, repoid)
    position = _resolve(repository, commit_id)
    bound = min(positive("max_file_bytes", max_file_bytes) or LONGEST_FILE, LONGEST_FILE)
    path = file_path.strip("/")
    try:
        node = repository.vcs.node(position.raw_id, path)
        if node.type is not NodeType.FILE:
            raise NodeNotFound(path)
        content = repository.vcs.read_file(position.raw_id, path, max_bytes=bound)
    except NodeNotFound:
        raise ApiError(f"file `{file_path}` does not exist") from None
    except TooLarge:
        raise ApiError(f"file `{file_path}` is larger than {bound} bytes") from None
    data: JsonObject = {
        "name": path.rpartition("/")[2],
        "path": path,
        "raw_id": position.raw_id,
        "size": len(content),
        "mode": f"{node.mode:06o}",
        "binary": b"\0" in content,
    }
    try:
        return data | {"content": content.decode("utf-8")}
    except UnicodeDecodeError:
        return data | {"content": None, "content_base64": base64.b64encode(content).decode("ascii")}


@namespace.method()
def get_repo_changes(actor: Actor, repoid: Id, from_: Id, to: Id, max_diff_bytes: int | None = None) -> JsonObject:
    """Compare two changesets of a repository: the changesets in between and the combined diff.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.
        from: the older changeset: hash, number, branch, tag, bookmark or ``tip``.
        to: the newer changeset.
        max_diff_bytes: cut the diff after so many bytes; 1 MiB at the most.

    Returns:
        ``from`` and ``to`` (hashes), ``ancestor`` (of both, or null), ``changesets`` (what ``to`` has and ``from`` has
        not, oldest first, as ``get_changesets`` answers them), ``diff`` (text from ``from`` to ``to``) and
        ``diff_is_cut``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Changeset x does not exist: no changeset of that name.
    """
    repository = _readable(actor, repoid)
    vcs = repository.vcs
    old, new = _resolve(repository, from_), _resolve(repository, to)
    if NULL_ID in (old.raw_id, new.raw_id):
        raise ApiError("Changeset null does not exist")
    raw_ids = vcs.missing(repository.path, new.raw_id, old.raw_id)
    numbers = vcs.revisions(raw_ids)
    positions = [Position(numbers[raw_id], raw_id) for raw_id in raw_ids]
    bound = min(positive("max_diff_bytes", max_diff_bytes) or LONGEST_DIFF, LONGEST_DIFF)
    diff = _at_most(vcs.diff(old.raw_id, new.raw_id), bound + 1)
    return {
        "from": old.raw_id,
        "to": new.raw_id,
        "ancestor": vcs.common_ancestor(old.raw_id, new.raw_id),
        "changesets": orjson.loads(b"[" + b"".join(_batches(repository, positions, with_files=False)) + b"]"),
        "diff": diff[:bound].decode("utf-8", "replace"),
        "diff_is_cut": len(diff) > bound,
    }


def _at_most(pieces: Iterator[bytes], bound: int) -> bytes:
    """The first ``bound`` bytes; the tool stops when nobody listens any more."""
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= bound:
            break
    return bytes(found[:bound])
