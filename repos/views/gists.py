"""Pages of gists."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import ActorRequest
from accounts.pages import page, sign_in_redirect, signed_in
from repos.forms import GistForm
from repos.models import Gist
from repos.services import gists
from repos.views.browse import code_lines
from repos.views.files import BINARY, SANDBOX, TEXT, is_binary
from repos.views.manage import attempt

PAGE = 50


@require_safe
def gist_list(request: ActorRequest) -> HttpResponseBase:
    """The public ones and one's own."""
    if request.actor.is_anonymous and not request.actor.user.is_active:
        return sign_in_redirect(request)
    own = Q() if request.actor.is_anonymous or request.actor.is_bound else Q(owner=request.actor.user)
    found = Gist.objects.current().filter(Q(is_public=True) | own if own else Q(is_public=True))
    if request.GET.get("which") == "own" and own:
        found = Gist.objects.filter(own)
    shown = Paginator(found.select_related("owner"), PAGE).get_page(request.GET.get("page"))
    return page(request, "repos/gists.html", {"page": shown, "which": request.GET.get("which", "")})


def obtain(request: ActorRequest, access_id: str) -> Gist:
    """A gist by its id, which is all that it takes; an expired one is there for its owner only."""
    if request.actor.is_anonymous and not request.actor.user.is_active:
        raise Http404
    open_to_all, own = Gist.objects.current().values("pk"), Gist.objects.owned_by(request.actor).values("pk")
    visible = Gist.objects.filter(Q(pk__in=open_to_all) | Q(pk__in=own))
    return get_object_or_404(visible.select_related("owner"), access_id=access_id)


@require_safe
def show(request: ActorRequest, access_id: str) -> HttpResponseBase:
    gist = obtain(request, access_id)
    files = []
    for name, content in gists.read(gist).items():
        lines = None if is_binary(content) else code_lines(name, content.decode("utf-8", "replace"))
        files.append((name, lines))
    is_mine = request.actor.is_admin or gist.owner == request.actor.user
    return page(request, "repos/gist.html", {"gist": gist, "files": files, "is_mine": is_mine})


@require_safe
def raw(request: ActorRequest, access_id: str, name: str) -> HttpResponseBase:
    """One file as it is; nothing in it runs."""
    content = gists.read(obtain(request, access_id)).get(name)
    if content is None:
        raise Http404
    headers = {"Content-Security-Policy": SANDBOX, "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type=BINARY if is_binary(content) else TEXT, headers=headers)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: ActorRequest) -> HttpResponseBase:
    form = GistForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        made = attempt(
            form,
            lambda: gists.create(
                actor=request.actor,
                owner=request.actor.user,
                files={values["filename"] or "gist.txt": values["content"]},
                is_public=values["is_public"],
                lifetime=values["lifetime"],
                description=values["description"],
            ),
        )
        if made:
            return HttpResponseRedirect(reverse("gist", args=(made.access_id,)))
    return page(request, "repos/gist_new.html", {"form": form})


@signed_in
@require_POST
def delete(request: ActorRequest, access_id: str) -> HttpResponseBase:
    gists.delete(actor=request.actor, gist=obtain(request, access_id))
    messages.success(request, _("Deleted."))
    return redirect("gists")
