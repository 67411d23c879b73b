"""Pages of repository groups."""

from __future__ import annotations

from django.db.models.functions import Lower
from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import ActorRequest
from accounts.pages import page, signed_in
from accounts.permissions import Level
from repos.models import Repository, RepositoryGroup
from repos.views.listing import listing
from repos.views.manage import grants_form


@require_safe
def group_page(request: ActorRequest, group: RepositoryGroup) -> HttpResponseBase:
    """A group: the groups and every repository inside it."""
    groups = RepositoryGroup.objects.visible_to(request.actor).filter(parent=group).order_by(Lower("name"))
    inside = Repository.objects.visible_to(request.actor).filter(name__startswith=group.name + "/")
    return page(request, "repos/group.html", {**listing(request, inside), "group": group, "groups": groups})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def permissions(request: ActorRequest, number: int) -> HttpResponseBase:
    """Who may do what with a group, for its admins."""
    group = get_object_or_404(RepositoryGroup.objects.visible_to(request.actor, Level.ADMIN), pk=number)
    answer = grants_form(request, group)
    if isinstance(answer, dict):
        return page(request, "repos/group_permissions.html", {"group": group, **answer})
    return HttpResponseRedirect(request.path)
