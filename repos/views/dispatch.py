"""From an address to a view of a repository.

Repository names contain slashes, so Django cannot split ``/<repository>/<view>/...`` by itself: the longest visible
repository that the path begins with is looked up (one query), and what follows is resolved by
``settings.REPOSITORY_URLCONF``. What the visitor may not see is not found; hidden and absent look the same.
"""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.actors import Actor
from accounts.middleware import ActorRequest
from accounts.pages import page, sign_in_redirect
from repos.models import Job, Repository, RepositoryGroup, lookup
from repos.services import jobs, pushes
from repos.vcs.errors import (
    EmptyRepository,
    NodeNotFound,
    RepositoryNotFound,
    RevisionNotFound,
    TooLarge,
    ToolTimeout,
)
from repos.views.groups import group_page


def _path(request: HttpRequest) -> str:
    """The path without the leading slash; bytes that are not UTF-8 stay as the tools' surrogates."""
    raw = request.META.get("kallithea.path")  # by our WSGI entry point
    path = request.path_info if raw is None else str(raw).encode("latin-1").decode("utf-8", "surrogateescape")
    return path.lstrip("/")


def find(actor: Actor, path: str) -> tuple[Repository, str] | None:
    """The repository with the longest name that ``path`` begins with, and the rest of the path. One query."""
    parts = path.split("/")
    prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    found = lookup.by_names(actor, prefixes)
    return (found[name := max(found, key=len)], path[len(name) + 1 :]) if found else None


@csrf_exempt  # clients of the tools post too; pages are protected in _answer
def by_name(request: ActorRequest) -> HttpResponseBase:
    found = find(request.actor, _path(request))
    return _answer(request, *found) if found else _group(request)


def _group(request: ActorRequest) -> HttpResponseBase:
    """The page of a repository group, or of what should have become a repository."""
    name = _path(request).rstrip("/")
    if not lookup.is_storable(name):
        return absent(request)
    groups = RepositoryGroup.objects.visible_to(request.actor).with_level(request.actor)
    if (group := groups.filter(name=name).first()) is not None:
        return csrf_protect(group_page)(request, group)
    if not request.actor.is_anonymous and (job := jobs.failed_to_make(request.actor, name)):
        return page(request, "repos/not_made.html", {"job": job}, status=404)
    return absent(request)


@csrf_exempt
def by_number(request: ActorRequest, number: str) -> HttpResponseBase:
    """``/_<repository number>/...``: addresses that outlive a rename."""
    found = lookup.by_number(request.actor, int(number))
    return _answer(request, found, _path(request).partition("/")[2]) if found else absent(request)


def absent(request: HttpRequest) -> HttpResponseBase:
    """The one answer for what does not exist and for what the visitor may not know of."""
    if request.actor.is_anonymous:  # type: ignore[attr-defined]
        return sign_in_redirect(request)
    raise Http404


def _answer(request: ActorRequest, repository: Repository, rest: str) -> HttpResponseBase:
    if rest.count("/") == 1:  # "changelog/" means "changelog", but the slash after a revision has a meaning
        rest = rest.rstrip("/")
    view, args, kwargs = resolve("/" + rest, settings.REPOSITORY_URLCONF)
    request.repository = repository  # type: ignore[attr-defined]
    if job := jobs.counting(repository):
        return _being_made(request, job, rest)
    pushes.notice(repository)
    try:
        response: HttpResponseBase = csrf_protect(view)(request, *args, **kwargs)
    except RepositoryNotFound as error:
        if repository.state == Repository.State.CREATED:
            raise Http404(str(error)) from error
        return _being_made(request, repository.jobs.first(), rest)
    except (RevisionNotFound, NodeNotFound, EmptyRepository) as error:
        raise Http404(str(error)) from error
    except TooLarge:
        return page(request, "413.html", status=413)
    except ToolTimeout:
        return page(request, "503.html", status=503)
    return response


def _being_made(request: HttpRequest, job: Job | None, rest: str) -> HttpResponseBase:
    """How far it is; what programs read has no success."""
    return page(
        request, "repos/pending.html", {"job": job, "tab": "" if rest else "summary"}, status=503 if rest else 200
    )
