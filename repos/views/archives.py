"""Archives to download."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from accounts.counting import one_more
from repos.services.archives import Archive, format_of
from repos.vcs.types import ArchiveFormat
from repos.views.base import RepositoryRequest
from repos.views.streams import attachment, ranged, stream

CONTENT_TYPES: dict[ArchiveFormat, str] = {
    "zip": "application/zip",
    "tar": "application/x-tar",
    "tar.gz": "application/x-gzip",
    "tar.bz2": "application/x-bzip2",
    "tar.zst": "application/zstd",
}


@require_safe
def archive(request: RepositoryRequest, name: str) -> HttpResponseBase:
    """``archive/<revision>.<ending>``: 403 where downloads are disabled, 404 for an unknown ending or revision."""
    repository = request.repository
    if not repository.enable_downloads:
        return HttpResponse("Downloads disabled", status=403, content_type="text/plain; charset=utf-8")
    wanted = format_of(name)
    if wanted is None:
        raise Http404("Unknown archive type")
    revision, kind = wanted
    made = Archive(repository, repository.vcs.resolve(revision).raw_id, kind)
    ending = name[len(revision) :]
    if unchanged := get_conditional_response(request, etag=made.etag):
        return unchanged
    if not made.is_ready:
        if _too_many(request):
            return HttpResponse("Too many archives", status=429, headers={"Retry-After": "60"})
        if "Range" in request.headers:
            for _piece in made.pieces():
                pass
    if made.is_ready:
        response = ranged(request, made.path, CONTENT_TYPES[kind], made.etag)
    else:
        response = stream(made.pieces(), CONTENT_TYPES[kind])
    response["Content-Disposition"] = attachment(made.prefix + ending)
    response["ETag"] = made.etag
    response["Accept-Ranges"] = "bytes"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _too_many(request: RepositoryRequest) -> bool:
    """Whether this address has had more new archives made in a minute than is friendly."""
    return one_more(f"archives:{(request.actor.address or '').encode().hex()}", 60) > settings.ARCHIVES_PER_MINUTE
