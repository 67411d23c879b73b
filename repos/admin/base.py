"""What the pages of the panel about repositories and repository groups share."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Collate, Replace
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from accounts.panel import ServiceAdmin, ServiceForm, actor_of, attempt, is_number, panel_page
from repos.admin import grid
from repos.models import Repository, RepositoryGroup
from repos.vcs.errors import RemoteError, VcsError


class DiskForm(ServiceForm):
    """For services that move folders."""

    atomic = False
    refusals = (PermissionDenied, VcsError)
    typed_into: ClassVar[dict[str, str]] = {"name": "base_name"}

    def field_of(self, error: Exception) -> str | None:
        return "clone_uri" if isinstance(error, RemoteError) and "clone_uri" in self.fields else None


def affected(row: models.Model) -> list[tuple[str, int, str]]:
    """What hangs on a row: (what, how many, what happens to it when the row is deleted). One query for each kind."""
    effects: dict[Any, str] = {
        models.CASCADE: _("deleted too"),
        models.SET_NULL: _("kept"),
        models.PROTECT: _("in the way"),
    }
    relations = [one for one in row._meta.get_fields(include_hidden=True) if isinstance(one, models.ManyToOneRel)]
    often = Counter(relation.related_model for relation in relations)
    found = []
    for relation in relations:
        rows = relation.related_model._default_manager.filter(**{relation.field.name: row})
        name = str(relation.related_model._meta.verbose_name_plural)
        if often[relation.related_model] > 1:
            name += f" ({relation.field.verbose_name})"
        if count := rows.count():
            found.append((name, count, effects.get(relation.on_delete, "")))
    return found


def in_tree_order(connection_vendor: str) -> Collate:
    """Groups right before what lies in them: ``a``, ``a/b``, ``a-c``."""
    return Collate(Replace(F("name"), Value("/"), Value("\x01")), "BINARY" if connection_vendor == "sqlite" else "C")


class DiskAdmin(ServiceAdmin):
    """Repositories and repository groups: with a grid of permissions, deleted one by one after a look at what goes."""

    list_filter_submit = True
    grid_children = False  # whether grants can be applied to what is inside

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("<int:number>/grants/", view(self.grants_view), name=f"{prefix}_grants"),
            *super().get_urls(),
        ]

    def row(self, number: int | str) -> Any:
        return get_object_or_404(self.model, pk=number if is_number(str(number)) else None)

    def change_address(self, row: models.Model) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])

    def get_actions(self, request: HttpRequest) -> Any:
        """Not many at once: every one has its own consequences."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def grants_view(self, request: HttpRequest, number: int) -> HttpResponseBase:
        on: Repository | RepositoryGroup = self.row(number)
        if request.method == "POST":
            done = attempt(request, lambda: grid.save(actor_of(request), on, request.POST), _("Saved."))
            if done:
                return HttpResponseRedirect(request.get_full_path())
        context = grid.context(on, request.GET.get("q", ""))
        title = _("Permissions on %s") % on.name
        children = grid.CHILDREN if self.grid_children else ()
        return panel_page(
            request, "admin/repos/grid.html", title, on=on, back=self.change_address(on), children=children, **context
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        row = self.row(object_id)
        if request.method == "POST":
            if request.POST.get("name") != row.name:
                refused = True
            elif attempt(
                request,
                lambda: self.delete(request, row),
                _("Deleted %s.") % row.name,
                (VcsError,),
            ):
                name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
                return HttpResponseRedirect(reverse(name))
            else:
                refused = False
        else:
            refused = False
        return panel_page(
            request,
            "admin/repos/delete.html",
            _("Delete %s") % row.name,
            row=row,
            affected=affected(row),
            refused=refused,
            back=self.change_address(row),
            **self.delete_context(row),
        )

    def delete_context(self, row: Any) -> dict[str, Any]:
        return {}

    def delete(self, request: HttpRequest, row: Any) -> None:
        self.remove(actor_of(request), row)
