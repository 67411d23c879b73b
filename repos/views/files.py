"""Files for programs: content as it is, and lists of nodes and references."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from itertools import chain

from django.http import HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe

from repos.vcs.errors import NodeNotFound
from repos.vcs.types import NodeType
from repos.views.base import RepositoryRequest, locate
from repos.views.streams import attachment, stream

TEXT = "text/plain; charset=UTF-8"
BINARY = "application/octet-stream"
IMAGES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
#: Whatever a repository contains, nothing in it runs, loads anything, or acts as this site.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def image_type(path: str) -> str | None:
    """The type of a picture by its name, or ``None``."""
    return next((kind for ending, kind in IMAGES.items() if path.lower().endswith(ending)), None)


def is_binary(piece: bytes) -> bool:
    return b"\0" in piece[:8000]


def _content(request: RepositoryRequest, rest: str) -> tuple[str, bytes, Iterator[bytes]]:
    """The path, the first piece and all pieces of the file at ``<revision>/<path>``."""
    position, path = locate(request.repository, rest)
    if not path:
        raise NodeNotFound(path)
    pieces = request.repository.vcs.stream_file(position.raw_id, path)
    first = next(pieces, b"")
    return path, first, chain([first], pieces)


def _sandboxed(response: HttpResponseBase) -> HttpResponseBase:
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def raw(request: RepositoryRequest, rest: str) -> HttpResponseBase:
    """To look at: text as plain text whatever it is, pictures as such, all else to save."""
    path, first, pieces = _content(request, rest)
    image = image_type(path)
    if image is None and is_binary(first):
        response = stream(pieces, BINARY)
        response["Content-Disposition"] = attachment(path.rpartition("/")[2])
    else:
        response = stream(pieces, image or TEXT)
        response["Content-Disposition"] = "inline"
    return _sandboxed(response)


@require_safe
def rawfile(request: RepositoryRequest, rest: str) -> HttpResponseBase:
    """To save, with the type that the name suggests; a script is text, so that no page of this site may load it."""
    path, first, pieces = _content(request, rest)
    guessed = mimetypes.guess_type(path, strict=False)[0] or (BINARY if is_binary(first) else "text/plain")
    if guessed.endswith(("javascript", "ecmascript")):
        guessed = "text/plain"
    response = stream(pieces, f"{guessed}; charset=UTF-8" if guessed.startswith("text/") else guessed)
    response["Content-Disposition"] = attachment(path.rpartition("/")[2])
    return _sandboxed(response)


@require_safe
def nodelist(request: RepositoryRequest, rest: str) -> HttpResponseBase:
    """Every folder and file below a path, for the file filter."""
    position, path = locate(request.repository, rest)
    nodes = request.repository.vcs.nodes(position.raw_id, path.strip("/"), recursive=True)
    names = [{"name": node.path, "type": "dir" if node.type is NodeType.DIR else "file"} for node in nodes]
    return JsonResponse({"nodes": names})


@require_safe
def refs_data(request: RepositoryRequest) -> HttpResponseBase:
    """Branches, tags and bookmarks in groups, each with its changeset."""
    refs = request.repository.vcs.refs()
    groups = (
        ("Branch", "branch", sorted(refs.branches.items())),
        ("Closed Branches", "closed-branch", sorted(refs.closed_branches.items())),
        ("Tag", "tag", sorted(refs.tags.items(), reverse=True)),
        ("Bookmark", "book", sorted(refs.bookmarks.items())),
    )
    results = [
        {"text": title, "children": [{"id": raw_id, "text": name, "type": kind} for name, raw_id in items]}
        for title, kind, items in groups
        if items
    ]
    return JsonResponse({"more": False, "results": results})
