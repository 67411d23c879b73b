"""Long work: what waits, runs, is done or has failed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.panel import ReadOnlyAdmin, actor_of, attempt, known_by
from repos.models import Job
from repos.services import jobs
from repos.vcs.errors import VcsError


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """To look at; what failed can be run again."""

    list_display = ("id", "kind", "repository_name", "state", "progress", "actor", "created_on", "finished_on")
    list_display_links = ("id", "kind")
    list_filter = ("state", "kind")
    list_select_related = ("actor",)
    search_fields = ("repository_name", *known_by("actor"), "error")
    ordering = ("-id",)
    actions = ("retry",)
    change_form_outer_before_template: Any = "admin/repos/job.html"
    fields = (
        ("kind", "state"),
        "repository",
        "actor",
        "arguments",
        "progress",
        "result",
        "error",
        ("created_on", "started_on"),
        ("heartbeat_on", "finished_on"),
    )

    @admin.action(description=_("Run again what has failed"))
    def retry(self, request: HttpRequest, queryset: models.QuerySet[Job]) -> None:
        for job in queryset:
            self._retry(request, job)

    def _retry(self, request: HttpRequest, job: Job) -> None:
        again = f"{job}: {_('runs again')}"
        attempt(request, lambda: jobs.retry(actor=actor_of(request), job=job), again, (VcsError,))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.retry_view))
        return [path("<int:number>/retry/", view, name="repos_job_retry"), *super().get_urls()]

    def retry_view(self, request: HttpRequest, number: int) -> HttpResponseBase:
        """The button of the page."""
        self._retry(request, get_object_or_404(Job, pk=number))
        return HttpResponseRedirect(reverse("admin:repos_job_change", args=[number]))

    def facts(self, row: Job) -> dict[str, Any]:
        return {"repeatable": jobs.is_repeatable(row)}
