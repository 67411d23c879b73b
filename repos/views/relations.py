"""What belongs to a repository: references, forks, followers."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.pages import page, refuse
from repos.models import Repository
from repos.services import access, changesets, extras
from repos.views.base import RepositoryRequest, address

MOST = 500  # references on a page


@require_safe
def references(request: RepositoryRequest) -> HttpResponseBase:
    """Branches, tags and bookmarks with the changesets they point to."""
    repository = request.repository
    refs = repository.vcs.refs()
    words = request.GET.get("q", "").lower()
    groups = [
        (kind, sorted((name, raw_id) for name, raw_id in names.items() if words in name.lower()))
        for kind, names in (
            ("branch", refs.branches),
            ("closed", refs.closed_branches),
            ("bookmark", refs.bookmarks),
            ("tag", refs.tags),
        )
    ]
    ids = {raw_id for _, items in groups for _, raw_id in items[:MOST]}
    rows = {row.raw_id: row for row in changesets.read(repository, sorted(ids))}
    shown = [(kind, [(name, rows[raw_id]) for name, raw_id in items[:MOST]], len(items)) for kind, items in groups]
    return page(request, "repos/references.html", {"tab": "references", "groups": shown, "q": words, "head": refs.head})


@require_safe
def forks(request: RepositoryRequest) -> HttpResponseBase:
    """The forks that the visitor may see, and the parent."""
    visible = Repository.objects.visible_to(request.actor).select_related("owner")
    rows = Paginator(visible.filter(fork_of=request.repository).order_by("name"), 50)
    context = {
        "tab": "forks",
        "page": rows.get_page(request.GET.get("page")),
        "parent": visible.filter(forks=request.repository).first(),
        "may_fork": access.may_fork(request.actor),
    }
    return page(request, "repos/forks.html", context)


@require_safe
def followers(request: RepositoryRequest) -> HttpResponseBase:
    rows = Paginator(request.repository.followers.select_related("user"), 50).get_page(request.GET.get("page"))
    return page(request, "repos/followers.html", {"tab": "summary", "page": rows})


@require_POST
def follow(request: RepositoryRequest) -> HttpResponseBase:
    """Begin or stop to follow."""
    if request.actor.is_anonymous:
        return refuse(request)
    repository = request.repository
    wanted = not repository.followers.filter(user=request.actor.user).exists()
    extras.follow(actor=request.actor, repository=repository, wanted=wanted)
    return HttpResponseRedirect(address(repository))
