"""Repositories: found by what people know, with everything that can be done to one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, get_script_prefix, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeNumericFilter
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts.actors import Actor
from accounts.panel import (
    actor_of,
    attempt,
    by_language,
    descriptions_of,
    known_by,
    language_tabs,
    list_button,
    panel_page,
)
from repos.admin import permissions
from repos.admin.base import DiskAdmin, DiskForm
from repos.admin.groups import count_in
from repos.forms import FieldForm
from repos.models import ExtraField, Follower, Job, Repository, RepositoryChangeset
from repos.services import extras, forks, pull, repositories, rescan
from repos.vcs.errors import VcsError
from repos.vcs.remote import scrub

DESCRIPTIONS = descriptions_of(Repository)
_HASH = re.compile(r"[0-9a-f]{6,40}", re.IGNORECASE)
LARGEST_TREE = 200  # forks shown


class RepositoryForm(DiskForm):
    base_name = forms.CharField(label=_("Name"), max_length=255, widget=UnfoldAdminTextInputWidget)
    landing = forms.CharField(
        label=_("Landing revision"),
        max_length=300,
        initial="rev:tip",
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What visitors see first, such as rev:tip or branch:main."),
    )
    copy_permissions = forms.BooleanField(
        label=_("Copy the permissions of the group"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    class Meta:
        model = Repository
        fields = (
            "group",
            "kind",
            "owner",
            "is_private",
            "clone_uri",
            "protected_branches",
            "max_file_size",
            "enable_downloads",
            "enable_statistics",
            *DESCRIPTIONS,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        repository: Repository = self.instance
        if repository.pk:
            self.initial["base_name"] = repository.base_name
            self.initial["landing"] = ":".join(repository.landing_rev)
            self.initial["clone_uri"] = scrub(repository.clone_uri or "")

    def clean_landing(self) -> tuple[str, str]:
        kind, colon, name = self.cleaned_data["landing"].partition(":")
        return (kind, name) if colon else ("rev", kind)

    def write(self, actor: Actor, values: dict[str, Any]) -> Repository:
        repository: Repository = self.instance
        name, group = values["base_name"], values["group"]
        same = ("owner", "is_private", "landing", "enable_downloads", "enable_statistics")
        common = {key: values[key] for key in same} | {"described": by_language(values)}
        if not repository.pk:
            new = {key: values[key] for key in ("kind", "copy_permissions")}
            clone_uri = values["clone_uri"] or None
            return repositories.create(actor=actor, name=name, group=group, clone_uri=clone_uri, **new, **common)
        uri = values["clone_uri"] or ""
        return repositories.update(
            actor=actor,
            repository=repository,
            name=None if name == repository.base_name else name,
            group=repositories.KEEP if group == repository.group else group,
            clone_uri=None if uri == scrub(repository.clone_uri or "") else uri,
            protected_branches=values["protected_branches"],
            max_file_size=values["max_file_size"] or 0,
            **common,
        )


class IsForkFilter(admin.SimpleListFilter):
    title = _("fork")
    parameter_name = "fork"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("is a fork")), ("0", _("is no fork"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Repository]) -> models.QuerySet[Repository]:
        return queryset if self.value() is None else queryset.filter(fork_of__isnull=self.value() == "0")


@admin.register(Repository)
class RepositoryAdmin(DiskAdmin):
    """Every change through the services."""

    form = RepositoryForm
    change_form_outer_before_template: Any = "admin/repos/repository.html"
    list_display = (
        "name",
        "kind",
        "state",
        "is_private",
        "is_archived",
        "owner",
        "size_on_disk",
        "follower_count",
        "newest",
        "updated_on",
    )
    list_filter = (
        "kind",
        "state",
        "is_private",
        "is_archived",
        IsForkFilter,
        ("owner", AutocompleteSelectFilter),
        ("group", AutocompleteSelectFilter),
        ("size", RangeNumericFilter),
    )
    list_select_related = ("owner",)
    search_fields = ("name", *DESCRIPTIONS, *known_by("owner"))
    search_help_text = _("Path, description, owner's name or e-mail address, or the hash of a changeset")
    autocomplete_fields = ("group", "owner")
    ordering = ("name",)
    actions_list = ("rescan_page",)  # type: ignore[assignment]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            *permissions.urls(),
            path("rescan/", view(self.rescan_view), name="repos_rescan"),
            path("<int:number>/do/<slug:what>/", view(require_POST(self.do_view)), name="repos_repository_do"),
            path("<int:number>/fields/", view(self.fields_view), name="repos_repository_fields"),
            *super().get_urls(),
        ]

    # -- the list --------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Repository]:
        rows: models.QuerySet[Repository] = super().get_queryset(request)
        return rows.annotate(follower_count=count_in(Follower.objects, "repository"))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Repository], search_term: str
    ) -> tuple[models.QuerySet[Repository], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        word = search_term.strip().lower()
        if _HASH.fullmatch(word):
            holding = RepositoryChangeset.objects.filter(changeset_id__gte=word, changeset_id__lt=f"{word}g")
            found = found | queryset.filter(pk__in=holding.order_by().values("repository_id"))
        return found, duplicates

    @admin.display(description=_("size on disk"), ordering="size")
    def size_on_disk(self, repository: Repository) -> str:
        return "" if repository.size is None else filesizeformat(repository.size)

    @admin.display(description=_("followers"), ordering="follower_count")
    def follower_count(self, repository: Any) -> int:
        return int(repository.follower_count)

    @admin.display(description=_("newest changeset"))
    def newest(self, repository: Repository) -> str:
        return str(repository.last_changeset.get("short_id", ""))

    @list_button(_("Rescan"), "rescan-page", "sync")
    def rescan_page(self, request: HttpRequest) -> HttpResponseBase:
        return HttpResponseRedirect(reverse("admin:repos_rescan"))

    def rescan_view(self, request: HttpRequest) -> HttpResponseBase:
        """Look for repositories that appeared on disk, or vanished from it."""
        found: list[rescan.Found] = []
        if request.method == "POST":
            obsolete = "remove_obsolete" in request.POST

            def run() -> None:
                found.append(rescan.rescan(actor=actor_of(request), remove_obsolete=obsolete))

            attempt(request, run, _("Every folder was scanned."), (VcsError,))
        return panel_page(request, "admin/repos/rescan.html", _("Rescan"), found=found)

    # -- one repository --------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        place: tuple[Any, ...] = ("base_name", "group", "kind", "owner", "is_private", "landing", "clone_uri")
        rules = ("protected_branches", "max_file_size") if obj else ("copy_permissions",)
        return (
            (None, {"fields": (*place, *rules, ("enable_downloads", "enable_statistics"))}),
            *language_tabs(),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Repository | None = None) -> Any:
        return ("kind",) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def facts(self, row: Repository) -> dict[str, Any]:
        return {
            "followers": row.followers.count(),
            "tree": fork_tree(row),
            "jobs": Job.objects.filter(repository=row)[:5],
            "pulls_from": scrub(row.clone_uri or "") or (row.fork_of and row.fork_of.name),
        }

    def view_on_site(self, obj: Repository) -> str:
        return f"{get_script_prefix()}_{obj.pk}"

    def do_view(self, request: HttpRequest, number: int, what: str) -> HttpResponseBase:
        """One of the buttons of the page."""
        repository, actor = self.row(number), actor_of(request)
        buttons: dict[str, tuple[Callable[[], Any], Any]] = {
            "pull": (lambda: pull.pull(actor=actor, repository=repository), _("The changesets were pulled.")),
            "invalidate": (
                lambda: repositories.invalidate_cache(actor=actor, repository=repository),
                _("The repository was read again."),
            ),
            "archive": (
                lambda: repositories.update(actor=actor, repository=repository, is_archived=True),
                _("Archived."),
            ),
            "unarchive": (
                lambda: repositories.update(actor=actor, repository=repository, is_archived=False),
                _("Taken out of the archive."),
            ),
            "detach": (lambda: forks.detach(actor=actor, repository=repository), _("Detached.")),
        }
        if what in buttons:
            attempt(request, *buttons[what], (VcsError,))
        return HttpResponseRedirect(self.change_address(repository))

    def fields_view(self, request: HttpRequest, number: int) -> HttpResponseBase:
        """Extra fields: all of them, one to add or to change, a button to remove each."""
        repository, actor = self.row(number), actor_of(request)
        form = FieldForm(request.POST if "key" in request.POST else None, label_suffix="")
        done = False
        if "remove" in request.POST and request.POST["remove"].isdecimal():
            field = get_object_or_404(ExtraField, repository=repository, pk=request.POST["remove"])
            done = attempt(
                request, lambda: extras.remove_field(actor=actor, repository=repository, field=field), _("Removed.")
            )
        elif form.is_valid():
            values = form.cleaned_data
            done = attempt(request, lambda: extras.set_field(actor=actor, repository=repository, **values), _("Saved."))
        if done:
            return HttpResponseRedirect(request.path)
        return panel_page(
            request,
            "admin/repos/fields.html",
            _("Extra fields of %s") % repository.name,
            form=form,
            fields=repository.extra_fields.all(),
            back=self.change_address(repository),
        )

    # -- deleting --------------------------------------------------------------------------------------------------

    def delete_context(self, row: Repository) -> dict[str, Any]:
        return {"forks": list(row.forks.order_by("name")[:LARGEST_TREE])}

    def delete(self, request: HttpRequest, row: Repository) -> None:
        what: Any = request.POST.get("forks")
        chosen = what if what in ("detach", "delete") else None
        repositories.delete(actor=actor_of(request), repository=row, forks=chosen)


def fork_tree(repository: Repository) -> list[tuple[int, Repository]]:
    """(depth, repository) of all forks of forks, from the first parent on; one query for each depth."""
    top, seen = repository, {repository.pk}
    while top.fork_of is not None and top.fork_of_id not in seen:
        top = top.fork_of
        seen.add(top.pk)
    children: dict[int, list[Repository]] = {}
    level, known = [top.pk], {top.pk}
    while level and len(known) < LARGEST_TREE:
        rows = Repository.objects.filter(fork_of__in=level).exclude(pk__in=known).order_by("name")[:LARGEST_TREE]
        level = []
        for row in rows:
            children.setdefault(row.fork_of_id or 0, []).append(row)
            level.append(row.pk)
            known.add(row.pk)
    tree: list[tuple[int, Repository]] = []

    def walk(row: Repository, depth: int) -> None:
        tree.append((depth, row))
        for child in children.get(row.pk, ()):
            walk(child, depth + 1)

    walk(top, 0)
    return tree if len(tree) > 1 else []
