"""Long work as rows, so that it can be watched, left alone, and taken up again."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from repos.models.repositories import Repository


class Job(models.Model):
    """One run of a long task. Running it twice does no harm."""

    class Kind(models.TextChoices):
        CREATE = "create", _("create")
        FORK = "fork", _("fork")
        PULL = "pull", _("pull")
        RESCAN = "rescan", _("rescan")
        DELETE = "delete", _("delete")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    UNFINISHED = (State.WAITING, State.RUNNING)

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    repository = models.ForeignKey(
        Repository, models.SET_NULL, null=True, blank=True, related_name="jobs", verbose_name=_("repository")
    )
    repository_name = models.CharField(_("repository name"), max_length=255, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="jobs", verbose_name=_("started by")
    )
    arguments: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)  # never a credential
    progress = models.CharField(_("progress"), max_length=255, blank=True)  # the tool's last line
    result: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    error = models.TextField(_("error"), blank=True)
    created_on = models.DateTimeField(_("created"), default=timezone.now)
    started_on = models.DateTimeField(_("started"), null=True)
    heartbeat_on = models.DateTimeField(_("last sign of life"), null=True)
    finished_on = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ("-pk",)
        indexes = (models.Index(fields=("state", "heartbeat_on"), name="job_state"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.repository_name}".strip()

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def share(self) -> int | None:
        """Percent of the present step: both tools say ``done/all`` somewhere in the line. ``None`` when they do not."""
        found = re.search(r"(\d+)/(\d+)", self.progress)
        return 100 * int(found[1]) // int(found[2]) if found and int(found[2]) else None


class DiskMove(models.Model):
    """A folder on its way from one name to another, written down before it moves.

    The row is deleted in the transaction that changes the database accordingly. One that is still there means that
    the transaction never happened, and the folder goes back (:mod:`repos.services.storage`).
    """

    source = models.CharField(max_length=1024)  # relative to the repositories root
    destination = models.CharField(max_length=1024)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("unfinished move")
        verbose_name_plural = _("unfinished moves")

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination}"
