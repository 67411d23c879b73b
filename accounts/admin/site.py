"""The site's settings, what everybody may do, and the journal."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.actors import Actor
from accounts.admin.groups import GrantForm
from accounts.models import SITE_SETTINGS_ID, GlobalGrant, JournalEntry, SiteSettings
from accounts.panel import (
    ReadOnlyAdmin,
    ServiceAdmin,
    ServiceForm,
    by_language,
    descriptions_of,
    known_by,
    language_tabs,
    list_button,
)
from accounts.reporting import csv_lines
from accounts.services import defaults, site


class SiteSettingsForm(ServiceForm):
    registration = forms.ChoiceField(
        label=_("Registration"),
        choices=[
            ("hg.register.none", _("nobody may register")),
            ("hg.register.manual_activate", _("an administrator activates new accounts")),
            ("hg.register.auto_activate", _("new accounts are active at once")),
        ],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = SiteSettings
        fields = (
            "title",
            *descriptions_of(SiteSettings, "announcement"),
            "enable_downloads",
            "clone_uri_allowed_to",
            "session_hours",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["registration"] = defaults.current()["hg.register"]

    def write(self, actor: Actor, values: dict[str, Any]) -> SiteSettings:
        plain = ("title", "enable_downloads", "clone_uri_allowed_to", "session_hours", "registration")
        announcements = by_language(values, "announcement")
        return site.update(actor=actor, announcements=announcements, **{name: values[name] for name in plain})


@admin.register(SiteSettings)
class SiteSettingsAdmin(ServiceAdmin):
    """One row: its list is its page."""

    form = SiteSettingsForm
    fieldsets = (
        (None, {"fields": ("title", "registration", "enable_downloads", "clone_uri_allowed_to", "session_hours")}),
        *language_tabs("announcement"),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return HttpResponseRedirect(reverse("admin:accounts_sitesettings_change", args=[SITE_SETTINGS_ID]))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> SiteSettings | None:
        return site.stored() if object_id == str(SITE_SETTINGS_ID) else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GlobalGrantForm(GrantForm):
    class Meta:
        model = GlobalGrant
        fields = ("user", "user_group", "permission")

    def write(self, actor: Actor, values: dict[str, Any]) -> GlobalGrant:
        return defaults.give(actor=actor, to=self.subject(values), permission=values["permission"])


@admin.register(GlobalGrant)
class GlobalGrantAdmin(ServiceAdmin):
    """Those of the user ``default`` are everybody's; a second one of the same kind replaces the first."""

    form = GlobalGrantForm
    actions_list = ("defaults_page",)
    list_display = ("user", "user_group", "permission")
    list_filter = ("kind",)
    list_select_related = ("user", "user_group")
    search_fields = (*known_by("user"), "user_group__name", "permission")
    autocomplete_fields = ("user", "user_group")

    @list_button(_("For everybody, and on new objects"), "defaults-page", "tune")
    def defaults_page(self, request: HttpRequest) -> HttpResponseBase:
        return HttpResponseRedirect(reverse("admin:repos_defaults"))

    def remove(self, actor: Actor, row: GlobalGrant) -> None:
        defaults.take(actor=actor, grant=row)

    def has_change_permission(self, request: HttpRequest, obj: GlobalGrant | None = None) -> bool:
        return False


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """To read only."""

    list_display = ("created_on", "username", "action", "subject_type", "subject_name", "address")
    list_filter = ("action", "subject_type")
    search_fields = ("username", "action", "subject_name", "address")
    date_hierarchy = "created_on"
    actions_list: Any = ("export",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The button takes the filters along."""
        answer = super().changelist_view(request, extra_context)
        if request.GET and isinstance(answer, TemplateResponse):
            for button in (answer.context_data or {})["actions_list"]:
                button["path"] += f"?{request.GET.urlencode()}"
        return answer

    @list_button(_("Export as CSV"), "export", "download")
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Every entry that the filters of the list let through, oldest last."""
        try:
            found = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:accounts_journalentry_changelist") + "?e=1")
        columns = ("created_on", "username", "action", "subject_type", "subject_id", "subject_name", "address", "data")
        rows = found.values_list(*columns).iterator(chunk_size=2000)
        lines = csv_lines(columns, ([*row[:-1], json.dumps(row[-1], ensure_ascii=False)] for row in rows))
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = 'attachment; filename="journal.csv"'
        return answer
