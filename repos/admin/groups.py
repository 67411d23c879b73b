"""Repository groups as a tree."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import connection, models
from django.db.models import Count
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts.actors import Actor
from accounts.panel import by_language, descriptions_of, known_by, language_tabs
from repos.admin.base import DiskAdmin, DiskForm, in_tree_order
from repos.models import Repository, RepositoryGroup
from repos.services import repository_groups
from repos.services.repositories import KEEP

DESCRIPTIONS = descriptions_of(RepositoryGroup)


class RepositoryGroupForm(DiskForm):
    base_name = forms.CharField(label=_("Name"), max_length=255, widget=UnfoldAdminTextInputWidget)
    copy_permissions = forms.BooleanField(
        label=_("Copy the permissions of the parent group"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    class Meta:
        model = RepositoryGroup
        fields = ("parent", "owner", *DESCRIPTIONS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["base_name"] = self.instance.base_name

    def write(self, actor: Actor, values: dict[str, Any]) -> RepositoryGroup:
        group: RepositoryGroup = self.instance
        name, parent, owner, described = values["base_name"], values["parent"], values["owner"], by_language(values)
        if group.pk:
            new_name = None if name == group.base_name else name
            place = KEEP if parent == group.parent else parent
            return repository_groups.update(
                actor=actor, group=group, name=new_name, parent=place, owner=owner, described=described
            )
        copied = values["copy_permissions"]
        return repository_groups.create(
            actor=actor, name=name, parent=parent, owner=owner, described=described, copy_permissions=copied
        )


def count_in(rows: Any, field: str) -> Coalesce:
    """How many of ``rows`` point to each row, as one subquery."""
    pointing = rows.filter(**{field: models.OuterRef("pk")}).order_by().values(field).annotate(n=Count("pk"))
    return Coalesce(models.Subquery(pointing.values("n"), output_field=models.IntegerField()), 0)


@admin.register(RepositoryGroup)
class RepositoryGroupAdmin(DiskAdmin):
    """Made, moved (by another name or parent) and deleted while empty."""

    form = RepositoryGroupForm
    change_form_outer_before_template = "admin/repos/group.html"  # type: ignore[assignment]
    grid_children = True
    list_display = ("in_tree", "description", "owner", "repository_count", "created_on")
    list_select_related = ("owner",)
    search_fields = ("name", *DESCRIPTIONS, *known_by("owner"))
    autocomplete_fields = ("parent", "owner")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first = ("base_name", "parent", "owner") if obj else ("base_name", "parent", "owner", "copy_permissions")
        return ((None, {"fields": first}), *language_tabs())

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def get_ordering(self, request: HttpRequest) -> Any:
        return (in_tree_order(connection.vendor),)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[RepositoryGroup]:
        groups: models.QuerySet[RepositoryGroup] = super().get_queryset(request)
        return groups.annotate(repository_count=count_in(Repository.objects, "group"))

    @admin.display(description=_("name"))
    def in_tree(self, group: RepositoryGroup) -> str:
        depth = group.name.count("/")
        return format_html('<span class="tree-{}">{}</span>', min(depth, 12), group.base_name if depth else group.name)

    @admin.display(description=_("repositories"), ordering="repository_count")
    def repository_count(self, group: Any) -> int:
        return int(group.repository_count)

    def remove(self, actor: Actor, row: RepositoryGroup) -> None:
        repository_groups.delete(actor=actor, group=row)
