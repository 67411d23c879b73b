"""Clone, fetch and push at the address of a repository's page.

Which requests these are only their query or media type tells, so a middleware picks them out before any page is looked
for. They know no cookie: who asks is said by HTTP's basic authentication, with a password or an API key as the
password, or by a bearer key.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import translation

from accounts.actors import Actor
from accounts.authentication import (
    AuthenticationFailed,
    TooManyFailures,
    actor_for_key,
    actor_for_password,
    address_allowed,
    client_address,
    note_failure,
    origin,
)
from accounts.models import ApiKey, User
from accounts.permissions import Level
from repos.models import Repository, lookup
from repos.services import pushes
from repos.vcs import transport
from repos.vcs.errors import RepositoryNotFound, VcsError
from repos.vcs.types import Kind

logger = logging.getLogger(__name__)

_GIT = re.compile(r"/(?P<name>.+?)(?P<service>/info/refs|/git-upload-pack|/git-receive-pack)", re.DOTALL)
_NUMBER = re.compile(r"_(\d{1,18})")
_DRAINED = 64 << 20  # bytes read of a body that is not wanted, so that the client gets to reading why


class Asked(NamedTuple):
    """A request of a tool: for which repository (the path without slashes at its ends), and for what."""

    kind: Kind
    name: str
    service: str


class TransportMiddleware:
    """Answers what the tools ask and leaves everything else to the pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        asked = recognise(request)
        if asked is None:
            return self.get_response(request)
        with translation.override("en"):  # a thread keeps the language of the page that it answered before
            return answer(request, asked)


def recognise(request: HttpRequest) -> Asked | None:
    """What a tool asks for, or ``None`` where a page is meant (a file may be called ``info/refs``)."""
    match = _GIT.fullmatch(request.path_info)
    if match is not None:
        name, service = match["name"], match["service"]
        if service == "/info/refs":
            meant = request.GET.get("service", "").startswith("git-")
        else:
            meant = request.method == "POST" and request.content_type == f"application/x-{service[1:]}-request"
        if meant:
            return Asked(Kind.GIT, name.strip("/"), service)
    if request.GET.get("cmd") in transport.HG_READS | transport.HG_WRITES:
        name = request.path_info.strip("/")
        if name and (not name.startswith("_") or _NUMBER.fullmatch(name)):
            return Asked(Kind.HG, name, "")
    return None


def answer(request: HttpRequest, asked: Asked) -> HttpResponseBase:
    """Who is asking, for which repository, and may they; then the tool's own server has the word."""
    try:
        actor = authenticate(request)
    except TooManyFailures as error:
        return _refuse(request, 429, str(error), **{"Retry-After": str(error.retry_after)})
    except AuthenticationFailed:
        return _ask_who(request)
    try:
        writes = transport.needs_write(asked.kind, asked.service, request.META.get("QUERY_STRING", ""))
    except transport.NotTransport as error:
        return _refuse(request, 400, str(error))
    repository = find(actor, asked)
    if repository is None:
        return _ask_who(request) if actor.is_anonymous else _refuse(request, 404, "There is no such repository")
    may_write = repository.level >= Level.WRITE  # type: ignore[attr-defined]  # annotated by the lookup
    if writes and not may_write:
        return _ask_who(request) if actor.is_anonymous else _refuse(request, 403, "You may read here but not push")
    if writes and repository.is_archived:
        return _refuse(request, 403, "This repository is archived; nothing can be pushed")
    if repository.state != Repository.State.CREATED:
        return _refuse(request, 503, "This repository is not ready yet", **{"Retry-After": "10"})
    return serve(request, asked, repository, actor, writes=writes)


def authenticate(request: HttpRequest) -> Actor:
    """The actor that the request names, or the anonymous visitor; ``AuthenticationFailed`` else."""
    address = client_address(request)
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return actor_for_key(value, address)
    if scheme.lower() != "basic":
        anonymous = User.objects.default()
        if not anonymous.is_active or not address_allowed(anonymous, address):
            raise AuthenticationFailed("This address is not allowed")
        return Actor(user=anonymous, address=address)
    try:
        username, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise AuthenticationFailed("Invalid user name or password") from None
    if not colon or not username:
        raise AuthenticationFailed("Invalid user name or password")
    if not ApiKey.objects.matching(password).exists():
        return actor_for_password(username, password, address)
    actor = actor_for_key(password, address)
    if actor.user.username.lower() != username.lower():
        note_failure(origin(address))
        raise AuthenticationFailed("Invalid user name or password")
    return actor


def find(actor: Actor, asked: Asked) -> Repository | None:
    """The repository, by number or name, for Git with or without ``.git``. One query."""
    names = [asked.name]
    if asked.kind is Kind.GIT and asked.name.endswith(".git"):
        names.append(asked.name.removesuffix(".git"))
    if match := _NUMBER.fullmatch(names[-1]):
        found = [lookup.by_number(actor, int(match[1]))]
    else:
        by_name = lookup.by_names(actor, names)
        found = [by_name.get(name) for name in names]
    return next((one for one in found if one is not None and one.kind == asked.kind), None)


def serve(
    request: HttpRequest, asked: Asked, repository: Repository, actor: Actor, *, writes: bool
) -> HttpResponseBase:
    """Run the tool. The answer to a push is sent after everything that the push sets off."""
    ask = partial(
        transport.serve,
        repository.kind,
        repository.path,
        _request(request, asked, actor),
        may_write=writes,
        rules=repository.push_rules,
    )
    try:
        if writes and request.method == "POST":
            with pushes.arriving(repository=repository, actor=actor) as arrival:
                response = ask()
                arrival.pushed = response.pushed
        else:
            response = ask()
    except transport.NotTransport as error:
        return _refuse(request, 400, str(error))
    except RepositoryNotFound:
        return _refuse(request, 404, "There is no such repository")
    except VcsError:
        logger.exception("clone or push of %s", repository.name)
        return _refuse(request, 500, "The repository could not be served")
    if writes:
        return HttpResponse(b"".join(response.body), status=response.status, headers=dict(response.headers))
    return StreamingHttpResponse(response.body, status=response.status, headers=dict(response.headers))


def _request(request: HttpRequest, asked: Asked, actor: Actor) -> transport.Request:
    """The request as the transport takes it; its body is read from the server's stream, never held in memory."""
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() != "authorization"}
    length: int | None = int(request.META.get("CONTENT_LENGTH") or 0)
    if not length and request.META.get("wsgi.input_terminated"):
        length = None
    return transport.Request(
        method=request.method or "",
        service=asked.service,
        query=request.META.get("QUERY_STRING", ""),
        headers=headers,
        body=request.META["wsgi.input"],
        length=length,
        remote_user="" if actor.is_anonymous else actor.user.username,
    )


def _ask_who(request: HttpRequest) -> HttpResponse:
    """The same for a repository that is hidden, one that is absent, and a wrong password."""
    return _refuse(request, 401, "Sign in to go on", **{"WWW-Authenticate": 'Basic realm="Kallithea", charset="UTF-8"'})


def _refuse(request: HttpRequest, status: int, text: str, **headers: str) -> HttpResponse:
    left = min(int(request.META.get("CONTENT_LENGTH") or 0), _DRAINED)
    try:
        while left > 0 and (piece := request.META["wsgi.input"].read(min(left, 1 << 16))):
            left -= len(piece)
    except OSError:
        pass  # it has gone
    return HttpResponse(text + "\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)
