"""What the views of a repository share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import quote

from django.http import HttpResponseBase
from django.urls import get_script_prefix

from accounts.middleware import ActorRequest
from accounts.pages import refuse
from accounts.permissions import Level
from repos.models import Repository
from repos.vcs.errors import RevisionNotFound
from repos.vcs.types import Position

P = ParamSpec("P")


class RepositoryRequest(ActorRequest):
    """A request for a view of a repository that the actor may read; ``repository.level`` says how much more."""

    repository: Repository


# -- addresses -----------------------------------------------------------------------------------------------------


def address(repository: Repository | str, *parts: object) -> str:
    """The path of a repository's view: ``address(repository, "files", raw_id, "docs/a b.txt")``."""
    name = repository if isinstance(repository, str) else repository.name
    text = "/".join([name, *(str(part) for part in parts)])
    return get_script_prefix() + quote(text.encode("utf-8", "surrogateescape"), safe="/:@!$&'()*+,;=~")


# -- views ---------------------------------------------------------------------------------------------------------


def needs(
    level: Level,
) -> Callable[
    [Callable[Concatenate[RepositoryRequest, P], HttpResponseBase]],
    Callable[Concatenate[RepositoryRequest, P], HttpResponseBase],
]:
    """A view for those who have ``level`` on the repository."""

    def decorate(
        view: Callable[Concatenate[RepositoryRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[RepositoryRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: RepositoryRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            allowed: Any = request.repository.level >= level  # type: ignore[attr-defined]
            return view(request, *args, **kwargs) if allowed else refuse(request)

        return guarded

    return decorate


def locate(repository: Repository, rest: str) -> tuple[Position, str]:
    """Split ``<revision>/<path>``. A reference's name may itself contain slashes: the longest one wins then."""
    revision, _, path = rest.partition("/")
    vcs = repository.vcs
    try:
        return vcs.resolve(revision), path
    except RevisionNotFound:
        refs = vcs.refs()
        names = [*refs.branches, *refs.closed_branches, *refs.tags, *refs.bookmarks]
        for name in sorted((name for name in names if "/" in name), key=len, reverse=True):
            if rest == name or rest.startswith(name + "/"):
                return vcs.resolve(name), rest[len(name) + 1 :]
        raise
