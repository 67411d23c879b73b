"""Diffs and patches for programs, with the addresses and texts of Kallithea."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpResponseBase, HttpResponseRedirect
from django.utils.timezone import get_default_timezone_name
from django.views.decorators.http import require_safe

from repos.vcs.types import DiffOptions, Position
from repos.views.base import RepositoryRequest, address
from repos.views.streams import attachment, stream

TEXT = "text/plain; charset=UTF-8"
MOST_CONTEXT = 1000  # lines


def options(request: RepositoryRequest, *paths: str) -> DiffOptions:
    """``?context=<lines>`` and ``?ignorews=1``; what is no number counts as absent."""
    context = request.GET.get("context", "")
    lines = min(int(context), MOST_CONTEXT) if re.fullmatch(r"[0-9]{1,6}", context) else 3
    return DiffOptions(
        context=lines, ignore_whitespace=request.GET.get("ignorews", "") in {"1", "true", "on"}, paths=paths
    )


def exactly(request: RepositoryRequest, revision: str) -> Position:
    """The changeset of ``<revision>`` or the last one of ``<a>...<b>`` (recorded); the first one must be there too."""
    first, dots, last = revision.partition("...")
    found = request.repository.vcs.resolve(first)
    return request.repository.vcs.resolve(last) if dots else found


def _diff(request: RepositoryRequest, found: Position) -> HttpResponseBase:
    return stream(request.repository.vcs.change(found.raw_id, options(request)), TEXT, limit=settings.MAX_DIFF_BYTES)


@require_safe
def changeset_diff(request: RepositoryRequest, revision: str) -> HttpResponseBase:
    """Against the first parent, as text."""
    return _diff(request, exactly(request, revision))


@require_safe
def changeset_download(request: RepositoryRequest, revision: str) -> HttpResponseBase:
    """The same as a file."""
    found = exactly(request, revision)
    response = _diff(request, found)
    response["Content-Disposition"] = attachment(f"{found.raw_id[:12]}.diff")
    return response


@require_safe
def changeset_patch(request: RepositoryRequest, revision: str) -> HttpResponseBase:
    """The same with the changeset's header. Its date is in the server's zone, as those of the API."""
    found = exactly(request, revision)
    pieces = request.repository.vcs.patch(found.raw_id, options(request), zone=get_default_timezone_name())
    return stream(pieces, TEXT, limit=settings.MAX_DIFF_BYTES)


@require_safe
def file_diff(request: RepositoryRequest, path: str) -> HttpResponseBase:
    """``diff/<path>?diff1=<revision>&diff2=<revision>&diff=raw|download``; without ``diff`` as a page."""
    first, second = request.GET.get("diff1", ""), request.GET.get("diff2", "")
    form = request.GET.get("diff", "diff")
    vcs = request.repository.vcs
    old, new = vcs.resolve(first), vcs.resolve(second)
    if form not in _FORMS:
        raise Http404
    return _FORMS[form](request, path, old, new)


def _raw(request: RepositoryRequest, path: str, old: Position, new: Position) -> HttpResponseBase:
    pieces = request.repository.vcs.diff(old.raw_id, new.raw_id, options(request, path))
    return stream(pieces, TEXT, limit=settings.MAX_DIFF_BYTES)


def _download(request: RepositoryRequest, path: str, old: Position, new: Position) -> HttpResponseBase:
    response = _raw(request, path, old, new)
    response["Content-Disposition"] = attachment(f"{request.GET['diff1']}_vs_{request.GET['diff2']}.diff")
    return response


def _page(request: RepositoryRequest, path: str, old: Position, new: Position) -> HttpResponseBase:
    """The comparison, of this file alone."""
    target = address(request.repository, "compare", f"{old.raw_id}...{new.raw_id}")
    return HttpResponseRedirect(f"{target}?{urlencode({'path': path}, errors='surrogateescape')}")


_FORMS: dict[str, Callable[[RepositoryRequest, str, Position, Position], HttpResponseBase]] = {
    "diff": _page,
    "raw": _raw,
    "download": _download,
}
