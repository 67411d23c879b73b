"""The API keys of the whole site."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from accounts.actors import Actor
from accounts.models import ApiKey
from accounts.panel import ServiceAdmin, ServiceForm, known_by
from accounts.permissions import Level
from accounts.services import keys


def keys_made(request: HttpRequest, made: list[ApiKey]) -> TemplateResponse:
    """New keys, on a page that no cache and no session keeps."""
    context = {**admin.site.each_context(request), "title": _("New API keys"), "keys": made}
    return TemplateResponse(request, "admin/accounts/keys_made.html", context, headers={"Cache-Control": "no-store"})


class ApiKeyForm(ServiceForm):
    lifetime = forms.IntegerField(
        label=_("lifetime in minutes"),
        initial=keys.FOREVER,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("-1: it never expires."),
    )

    class Meta:
        model = ApiKey
        fields = ("user", "description", "level", "ip_range")

    def write(self, actor: Actor, values: dict[str, Any]) -> ApiKey:
        return keys.create(actor=actor, **{**values, "level": Level(values["level"])})


class LastUseFilter(admin.SimpleListFilter):
    title = _("last use")
    parameter_name = "used"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("never", _("never used")), ("30", _("not for 30 days")), ("365", _("not for a year"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> models.QuerySet[ApiKey]:
        if self.value() == "never":
            return queryset.filter(last_used_on=None)
        if self.value() in ("30", "365"):
            return queryset.filter(last_used_on__lt=timezone.now() - timedelta(days=int(self.value() or 0)))
        return queryset


class ExpiryFilter(admin.SimpleListFilter):
    title = _("expiry")
    parameter_name = "expiry"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("soon", _("within 30 days")), ("expired", _("expired")), ("never", _("never"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> models.QuerySet[ApiKey]:
        now = timezone.now()
        if self.value() == "soon":
            return queryset.filter(expires_on__gt=now, expires_on__lte=now + timedelta(days=30))
        if self.value() == "expired":
            return queryset.filter(expires_on__lte=now)
        return queryset.filter(expires_on=None) if self.value() == "never" else queryset


class AgeFilter(admin.SimpleListFilter):
    title = _("age")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("90", _("older than 90 days")), ("365", _("older than a year"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> models.QuerySet[ApiKey]:
        if self.value() not in ("90", "365"):
            return queryset
        return queryset.filter(created_on__lt=timezone.now() - timedelta(days=int(self.value() or 0)))


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """The value is shown once, when a key is made. (Keys bound to a repository are made by the API.)"""

    form = ApiKeyForm
    add_fields = ("user", "description", "lifetime", "level", "ip_range")
    list_display = (
        "user",
        "description",
        "is_builtin",
        "level",
        "created_on",
        "expires_on",
        "last_used_on",
        "ip_range",
    )
    list_filter = (LastUseFilter, ExpiryFilter, AgeFilter, "is_builtin", "level")
    list_select_related = ("user",)
    search_fields = (*known_by("user"), "description")
    autocomplete_fields = ("user",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        shown = ("user", "description", "is_builtin", "created_on", "expires_on", "level", "repository_id", "group_id")
        return self.add_fields if obj is None else (*shown, "ip_range", "last_used_on", "last_used_from")

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> Any:
        return keys_made(request, [obj])

    def remove(self, actor: Actor, row: ApiKey) -> None:
        keys.revoke(actor=actor, key=row)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return super().has_delete_permission(request) and not (obj and obj.is_builtin)
