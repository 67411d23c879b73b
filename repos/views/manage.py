"""Making, forking and changing repositories. Every rule is the services'; these pages ask and explain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import explain, posted_number
from accounts.middleware import ActorRequest
from accounts.models import User, UserGroup
from accounts.pages import page, refuse, signed_in
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.forms import LEVELS, CreateForm, FieldForm, ForkForm, GrantForm, RemoteForm, SettingsForm
from repos.models import Repository, RepositoryGroup
from repos.services import access, extras, forks, grants, jobs, pull, repositories
from repos.vcs.errors import VcsError
from repos.vcs.remote import scrub
from repos.views.base import RepositoryRequest, address, needs

MOST_LANDINGS = 200  # of each kind to choose from; others can be typed


def attempt(form: forms.Form, action: Callable[[], Any]) -> Any:
    """What ``action`` answers; ``None`` when it was refused, with the reason in ``form``."""
    try:
        return action() or True
    except ValidationError as error:
        explain(form, error)
    except (PermissionDenied, VcsError) as error:
        form.add_error(None, str(error) or _("You are not allowed to do that."))
    return None


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: ActorRequest) -> HttpResponseBase:
    """A new repository, empty or filled from elsewhere."""
    if not access.may_create_somewhere(request.actor):
        return refuse(request)
    form = CreateForm(request.actor, request.POST or None, initial={"group": request.GET.get("parent_group")})
    if form.is_valid():
        made = attempt(form, lambda: repositories.create(actor=request.actor, **form.cleaned_data))
        if made:
            return HttpResponseRedirect(address(made))
    return page(request, "repos/create.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def fork(request: RepositoryRequest) -> HttpResponseBase:
    """A copy with a history in common."""
    if not access.may_fork(request.actor):
        return refuse(request)
    parent = request.repository
    initial = {"name": f"{parent.base_name}-fork", "is_private": parent.is_private, "description": parent.description}
    form = ForkForm(request.actor, request.POST or None, initial=initial)
    if form.is_valid():
        made = attempt(form, lambda: forks.create(actor=request.actor, parent=parent, **form.cleaned_data))
        if made:
            return HttpResponseRedirect(address(made))
    return page(request, "repos/fork.html", {"form": form, "tab": "forks"})


# -- settings ------------------------------------------------------------------------------------------------------


@needs(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: RepositoryRequest) -> HttpResponseBase:
    repository = request.repository
    form = SettingsForm.of(request.actor, repository)
    if request.method == "POST":
        form = SettingsForm(request.actor, request.POST)
        form.keep_group(repository)
    if form.is_valid() and attempt(form, lambda: _update(request, form.cleaned_data)):
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(address(repository, "settings"))
    return _page(request, "general", form=form, landings=_landings(repository))


def _landings(repository: Repository) -> list[str]:
    """Landing revisions to choose from; none where the repository cannot be read."""
    try:
        refs = repository.vcs.refs()
    except VcsError:
        return []
    kinds = (("branch", refs.branches), ("book", refs.bookmarks), ("tag", refs.tags))
    return ["rev:tip", *(f"{kind}:{name}" for kind, names in kinds for name in list(names)[:MOST_LANDINGS])]


def _update(request: RepositoryRequest, values: dict[str, Any]) -> Repository:
    """Only what changed: who may not move it can still describe it."""
    repository = request.repository
    now = {
        "name": repository.base_name,
        "landing": repository.landing_rev,
        "max_file_size": repository.max_file_size or 0,
    }
    changed = {name: value for name, value in values.items() if value != now.get(name, getattr(repository, name, None))}
    return repositories.update(actor=request.actor, repository=repository, **changed)


@needs(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def permissions(request: RepositoryRequest) -> HttpResponseBase:
    """Who may do what."""
    answer = grants_form(request, request.repository)
    if isinstance(answer, dict):
        return _page(request, "permissions", **answer)
    return HttpResponseRedirect(address(request.repository, "settings", "permissions"))


def grants_form(request: ActorRequest, on: Repository | RepositoryGroup) -> dict[str, Any] | None:
    """Every grant on something, to change, take back or add. ``None`` when that was done, else what to show."""
    form = GrantForm(request.actor, request.POST if "subject" in request.POST else None)
    if form.is_valid():
        to, level = form.cleaned_data["subject"], form.cleaned_data["level"]
        if attempt(form, lambda: grants.grant(actor=request.actor, on=on, to=to, level=level)):
            return None
    elif request.method == "POST" and not form.is_bound:
        _change_grants(request, on)
        return None
    rows = on.grants.select_related("user", "user_group").order_by("pk")
    return {"form": form, "grants": rows, "default_user": DEFAULT_USER_ID, "levels": LEVELS}


def _change_grants(request: ActorRequest, on: Repository | RepositoryGroup) -> None:
    """``level-<grant>``: the new level, or ``revoke``."""
    for row in on.grants.select_related("user", "user_group"):
        wanted = request.POST.get(f"level-{row.pk}", "")
        to: User | UserGroup | None = row.user or row.user_group
        assert to is not None
        if wanted == "revoke" and row.user_id != DEFAULT_USER_ID:
            grants.revoke(actor=request.actor, on=on, to=to)
        elif wanted in {"0", "1", "2", "3"} and int(wanted) != row.level:
            grants.grant(actor=request.actor, on=on, to=to, level=Level(int(wanted)))


@needs(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def extra_fields(request: RepositoryRequest) -> HttpResponseBase:
    """Further facts, which the API shows as ``ex_<key>``."""
    repository = request.repository
    form = FieldForm(request.POST if "key" in request.POST else None)
    if (number := posted_number(request, "remove")) is not None:
        field = get_object_or_404(repository.extra_fields, pk=number)
        extras.remove_field(actor=request.actor, repository=repository, field=field)
        return HttpResponseRedirect(address(repository, "settings", "fields"))
    if form.is_valid():
        extras.set_field(actor=request.actor, repository=repository, **form.cleaned_data)
        return HttpResponseRedirect(address(repository, "settings", "fields"))
    return _page(request, "fields", form=form, fields=repository.extra_fields.all())


@needs(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def remote(request: RepositoryRequest) -> HttpResponseBase:
    """Where it is pulled from, and "pull now"."""
    repository, actor = request.repository, request.actor
    form = RemoteForm(request.POST or None, initial={"clone_uri": scrub(repository.clone_uri or "")})
    if form.is_valid():
        done: Any
        if "pull" in request.POST:
            done = attempt(form, lambda: pull.start(actor=actor, repository=repository))
        else:
            uri = form.cleaned_data["clone_uri"]
            done = uri == scrub(repository.clone_uri or "") or attempt(
                form, lambda: repositories.update(actor=actor, repository=repository, clone_uri=uri)
            )
        if done:
            if "pull" not in request.POST:
                messages.success(request, _("Saved."))
            elif done.is_unfinished:
                messages.info(request, _("The pull has begun."))
            else:
                messages.success(request, _("The changesets were pulled."))
            return HttpResponseRedirect(address(repository, "settings", "remote"))
    rows = list(jobs.visible_to(actor).filter(repository=repository)[:10])
    running = next((row for row in rows if row.is_unfinished), None)
    may_set = access.may_clone_from_elsewhere(actor)
    has_source = bool(repository.clone_uri or repository.fork_of_id) and not repository.is_archived
    may_pull = actor.is_admin and has_source
    return _page(request, "remote", form=form, jobs=rows, job=running, may_set=may_set, may_pull=may_pull)


@needs(Level.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def danger(request: RepositoryRequest) -> HttpResponseBase:
    """Delete; the name has to be typed."""
    repository = request.repository
    form = forms.Form(request.POST or None)
    if form.is_valid():
        what = request.POST.get("forks")
        if request.POST.get("name") != repository.name:
            form.add_error(None, _("This is not the repository's name."))
        elif attempt(form, lambda: _delete(request, what)):
            messages.success(request, _("Deleted %s.") % repository.name)
            return redirect("home")
    return _page(request, "danger", form=form, forks=repository.forks.count())


def _delete(request: RepositoryRequest, what: str | None) -> bool:
    if what == "delete":
        repositories.delete(actor=request.actor, repository=request.repository, forks="delete")
    else:
        repositories.delete(
            actor=request.actor, repository=request.repository, forks="detach" if what == "detach" else None
        )
    return True


@needs(Level.WRITE)
@require_POST
def refresh(request: RepositoryRequest) -> HttpResponseBase:
    """Look at the repository again, after it was changed behind the server's back."""
    repositories.invalidate_cache(actor=request.actor, repository=request.repository)
    messages.success(request, _("The repository was read again."))
    return HttpResponseRedirect(address(request.repository))


def _page(request: RepositoryRequest, section: str, **context: Any) -> HttpResponseBase:
    return page(request, f"repos/settings_{section}.html", {"tab": "settings", "section": section, **context})
