"""Addresses of Kallithea's administration that people have in their bookmarks."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.http import Http404, HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.middleware import ActorRequest
from accounts.pages import refuse

LISTS = {
    "users": "accounts.User",
    "user_groups": "accounts.UserGroup",
    "repos": "repos.Repository",
    "repo_groups": "repos.RepositoryGroup",
}


@require_safe
def admin_list(request: ActorRequest, name: str) -> HttpResponseBase:
    """The admin panel's list, at its old address."""
    if not request.actor.is_admin:
        return refuse(request)
    model = apps.get_model(LISTS[name])
    if not admin.site.is_registered(model):
        raise Http404
    view = admin.site.get_model_admin(model).changelist_view
    response: HttpResponseBase = admin.site.admin_view(view)(request)
    return response
