"""Pages about who may do what: the site's defaults, and the rights of one user with the reasons."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import explanations
from accounts.actors import Actor
from accounts.models import USER_GROUP_TARGET, User, UserGroup
from accounts.panel import actor_of, attempt, panel_page
from accounts.permissions import GLOBAL_PERMISSIONS, Level, with_level
from accounts.services import defaults as present
from repos.models import REPOSITORY_GROUP_TARGET, REPOSITORY_TARGET, Repository, RepositoryGroup
from repos.services import defaults

PAGE = 50
LABELS = {
    "hg.create": gettext_lazy("May create repositories at the top"),
    "hg.fork": gettext_lazy("May fork"),
    "hg.usergroup.create": gettext_lazy("May create user groups"),
    "hg.register": gettext_lazy("Registration"),
    "hg.extern_activate": gettext_lazy("Accounts of an external sign-in"),
    "repository": gettext_lazy("On new repositories"),
    "group": gettext_lazy("On new repository groups"),
    "usergroup": gettext_lazy("On new user groups"),
}

WORDS = {
    "hg.create.none": gettext_lazy("no"),
    "hg.create.repository": gettext_lazy("yes"),
    "hg.fork.none": gettext_lazy("no"),
    "hg.fork.repository": gettext_lazy("yes"),
    "hg.usergroup.create.false": gettext_lazy("no"),
    "hg.usergroup.create.true": gettext_lazy("yes"),
    "hg.register.none": gettext_lazy("nobody may register"),
    "hg.register.manual_activate": gettext_lazy("an administrator activates new accounts"),
    "hg.register.auto_activate": gettext_lazy("new accounts are active at once"),
    "hg.extern_activate.manual": gettext_lazy("an administrator activates them"),
    "hg.extern_activate.auto": gettext_lazy("active at once"),
}


class DefaultsForm(forms.Form):
    """One choice for each kind of permission that everybody has."""

    anonymous = forms.BooleanField(label=gettext_lazy("Visitors may come in without an account"), required=False)
    overwrite = forms.BooleanField(
        label=gettext_lazy("Apply the last three to everything that exists"),
        required=False,
        help_text=gettext_lazy("Private repositories stay as they are."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for kind, values in GLOBAL_PERMISSIONS.items():
            choices = [(value, WORDS.get(value) or _(value.rpartition(".")[2])) for value in values]
            self.fields[kind] = forms.ChoiceField(label=LABELS[kind], choices=choices)
        self.order_fields(["anonymous", *GLOBAL_PERMISSIONS])


def defaults_view(request: HttpRequest) -> HttpResponseBase:
    """What everybody may do, and on request the same on all objects that exist."""
    now = {**present.current(), "anonymous": present.anonymous_allowed()}
    form = DefaultsForm(request.POST or None, initial=now)
    if form.is_valid():
        values = dict(form.cleaned_data)
        anonymous, overwrite = values.pop("anonymous"), values.pop("overwrite")

        def save() -> None:
            defaults.update(actor=actor_of(request), permissions=values, anonymous=anonymous, overwrite=overwrite)

        if attempt(request, save, _("Saved.")):
            return HttpResponseRedirect(request.path)
    return panel_page(request, "admin/repos/form.html", _("Default permissions"), form=form)


KINDS: dict[str, tuple[Any, Any, Any]] = {
    "repositories": (gettext_lazy("Repositories"), Repository, REPOSITORY_TARGET),
    "groups": (gettext_lazy("Repository groups"), RepositoryGroup, REPOSITORY_GROUP_TARGET),
    "user-groups": (gettext_lazy("User groups"), UserGroup, USER_GROUP_TARGET),
}


def effective_view(request: HttpRequest, number: int) -> HttpResponseBase:
    """What a user may do and why, on the objects of one kind; a fixed number of queries."""
    user = get_object_or_404(User, pk=number)
    chosen = request.GET.get("kind", "")
    _label, model, target = KINDS.get(chosen, KINDS["repositories"])
    word = request.GET.get("q", "").replace("\0", "").strip()
    readable = model.objects.visible_to(Actor(user), Level.READ).filter(name__icontains=word)
    rows = with_level(readable, Actor(user), target).order_by("name")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    why = explanations.reasons(user, target, page.object_list)
    return panel_page(
        request,
        "admin/repos/effective.html",
        _("What %s may do") % user,
        person=user,
        kinds=[
            (key, label, key == chosen or (not chosen and key == "repositories"))
            for key, (label, *_rest) in KINDS.items()
        ],
        kind=chosen if chosen in KINDS else "repositories",
        page=page,
        lines=[(row, Level(row.level), why[row.pk]) for row in page.object_list],
        general=explanations.global_reasons(user),
        q=word,
    )


def urls() -> list[URLPattern]:
    view = admin.site.admin_view
    return [
        path("defaults/", view(defaults_view), name="repos_defaults"),
        path("effective/<int:number>/", view(effective_view), name="repos_effective"),
    ]
