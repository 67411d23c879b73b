"""The WSGI entry point: what clients send that Django under a WSGI server would not understand."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kallithea_site.settings")
django_application = get_wsgi_application()

from django.conf import settings  # noqa: E402

from accounts.addresses import normal_address  # noqa: E402
from api.server import ADDRESS  # noqa: E402

# The settings have read it. Gunicorn would refuse every address without it, also those of a proxy that strips it.
os.environ.pop("SCRIPT_NAME", None)

STREAMED_TYPES = ("application/x-git-", "application/mercurial-")
READ_TIMEOUT = 300  # seconds that a client may say nothing in the middle of a body, or take no byte of an answer
SPOOL_IN_MEMORY = 1024 * 1024
CHUNK = 64 * 1024
BARE = (("Content-Security-Policy", "default-src 'none'"), ("X-Content-Type-Options", "nosniff"))


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Tidy the address and the body, then hand over to Django."""
    connection = environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(READ_TIMEOUT)
    tidy_path(environ)
    if environ.get("HTTP_X_FORWARDED_PROTO") == "https" and is_trusted_proxy(environ.get("REMOTE_ADDR", "")):
        environ["wsgi.url_scheme"] = "https"
    if is_chunked(environ) and not environ.get("CONTENT_TYPE", "").startswith(STREAMED_TYPES):
        length = spool(environ, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        # The API says in its own words that this is too much, when it sees the length.
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and environ["PATH_INFO"] != ADDRESS:
            start_response("413 Content Too Large", [("Content-Type", "text/plain"), ("Connection", "close"), *BARE])
            return [b"Request body is too large\n"]
    response = django_application(environ, start_response)
    if environ["REQUEST_METHOD"] == "HEAD":  # the headers have been handed over, and the rest must not follow
        response.close()
        return []
    return response


def tidy_path(environ: WSGIEnvironment) -> None:
    """Take off the site's prefix where the proxy has left it on, and further slashes: clients glue addresses."""
    path = "/" + environ.get("PATH_INFO", "").lstrip("/")
    prefix = settings.FORCE_SCRIPT_NAME
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = "/" + path.removeprefix(prefix).lstrip("/")
    environ["PATH_INFO"] = path
    environ["kallithea.path"] = path  # Django rewrites what is no UTF-8, but files may be named so


def is_trusted_proxy(peer: str) -> bool:
    address = normal_address(peer)
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES)


def is_chunked(environ: WSGIEnvironment) -> bool:
    """A body of unknown length, as .NET sends it; Django takes a request without Content-Length for an empty one."""
    return "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not environ.get("CONTENT_LENGTH")


def spool(environ: WSGIEnvironment, limit: int) -> int:
    """Read the body to its end or just past ``limit`` bytes, and give it its length, which is returned."""
    body = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115 - lives as long as the request
    length = 0
    while length <= limit and (piece := environ["wsgi.input"].read(min(CHUNK, limit + 1 - length))):
        body.write(piece)
        length += len(piece)
    body.seek(0)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = body, str(length)
    return length
