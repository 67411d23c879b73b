"""Lists of repositories: the home page, and what the page of a group shares with it."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import F, OrderBy, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.middleware import ActorRequest
from accounts.pages import page, sign_in_redirect
from repos.models import Repository, RepositoryGroup
from repos.services import access

PAGE = 50
DESCRIPTIONS = [f"description_{code}" for code in settings.MODELTRANSLATION_LANGUAGES]
ORDERS: dict[str, OrderBy] = {
    "name": Lower("name").asc(),
    "-name": Lower("name").desc(),
    "updated": F("updated_on").asc(),
    "-updated": F("updated_on").desc(),
    "owner": Lower("owner__username").asc(),
    "-owner": Lower("owner__username").desc(),
}


def listing(request: ActorRequest, repositories: QuerySet[Repository]) -> dict[str, Any]:
    """One page of ``repositories`` as ``?q=``, ``?sort=`` and ``?page=`` want it. Two queries."""
    words = request.GET.get("q", "").replace("\0", "").split()[:10]
    for word in words:
        in_any_language = (Q(**{f"{column}__icontains": word}) for column in DESCRIPTIONS)
        repositories = repositories.filter(reduce(or_, in_any_language, Q(name__icontains=word)))
    sort = request.GET.get("sort", "name")
    order = ORDERS.get(sort, ORDERS["name"])
    found = repositories.select_related("owner").order_by(order, "pk")
    return {
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "q": " ".join(words),
        "sort": sort if sort in ORDERS else "name",
    }


@require_safe
def home(request: ActorRequest) -> HttpResponseBase:
    """Every repository that the visitor may read."""
    if request.actor.is_anonymous and not request.actor.user.is_active:
        return sign_in_redirect(request)
    groups = RepositoryGroup.objects.visible_to(request.actor).filter(parent=None).order_by(Lower("name"))
    context = listing(request, Repository.objects.visible_to(request.actor))
    return page(
        request,
        "repos/home.html",
        {**context, "groups": groups, "may_create": access.may_create_somewhere(request.actor)},
    )
