"""Answers in pieces: nothing large is ever whole in memory, and nothing is without a bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from repos.vcs.errors import TooLarge

_PLAIN_NAME = re.compile(r"[ -~\xa1-\xff]+")
PIECE = 64 * 1024


def attachment(name: str) -> str:
    """A Content-Disposition that saves under ``name``: plain where every client reads it, else RFC 5987."""
    name = name.encode("utf-8", "replace").decode()
    if _PLAIN_NAME.fullmatch(name) and not set(name) & set('";\\%*'):
        return f"attachment; filename={name}"
    fallback = re.sub(r"[^ -~]|[\"\\%;*]", "_", name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"


def stream(pieces: Iterator[bytes], content_type: str, *, limit: int | None = None) -> StreamingHttpResponse:
    """Send ``pieces``. The first is read at once, so that an error becomes a status; a later one breaks the connection.

    More than ``limit`` bytes break it as well: a cut answer must not look like a whole one.
    """
    first = next(pieces, b"")
    rest = chain([first], pieces)
    return StreamingHttpResponse(_bounded(rest, pieces, limit), content_type=content_type)


def _bounded(pieces: Iterator[bytes], source: Iterator[bytes], limit: int | None) -> Iterator[bytes]:
    sent = 0
    try:
        for piece in pieces:
            sent += len(piece)
            if limit is not None and sent > limit:
                raise TooLarge(f"more than {limit} bytes")
            yield piece
    finally:
        if close := getattr(source, "close", None):
            close()


def ranged(request: HttpRequest, path: Path, content_type: str, etag: str) -> HttpResponseBase:
    """A file of ours, whole or the one range that was asked for (RFC 9110, a single range)."""
    size = path.stat().st_size
    wanted = request.headers.get("Range", "")
    if request.headers.get("If-Range", etag) != etag:
        wanted = ""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted)
    if match is None or match.groups() == ("", ""):
        response: HttpResponseBase = FileResponse(path.open("rb"), content_type=content_type)
        response["Content-Length"] = str(size)
        return response
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}, content_type=content_type)
    response = StreamingHttpResponse(_part(path, start, end + 1 - start), status=206, content_type=content_type)
    response["Content-Range"] = f"bytes {start}-{end}/{size}"
    response["Content-Length"] = str(end + 1 - start)
    return response


def _part(path: Path, start: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while count > 0 and (piece := file.read(min(PIECE, count))):
            count -= len(piece)
            yield piece
