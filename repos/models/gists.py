"""Gists: a few files to show around, each kept in a small repository of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.actors import Actor


class GistQuerySet(models.QuerySet["Gist"]):
    def current(self) -> GistQuerySet:
        """Those that have not expired."""
        return self.filter(Q(expires_on=None) | Q(expires_on__gt=timezone.now()))

    def owned_by(self, actor: Actor) -> GistQuerySet:
        """Those that ``actor`` may list and delete."""
        if actor.is_anonymous or actor.is_bound:
            return self.none()
        return self if actor.is_admin else self.filter(owner=actor.user)


class Gist(models.Model):
    """Public ones are listed and their ``access_id`` is the number; private ones open to whoever knows the id."""

    access_id = models.CharField(max_length=250, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="gists", verbose_name=_("owner"))
    is_public = models.BooleanField(_("public"), default=True)
    description = models.TextField(_("description"), blank=True)
    expires_on = models.DateTimeField(_("expires"), null=True, blank=True)
    created_on = models.DateTimeField(_("created"), default=timezone.now)
    updated_on = models.DateTimeField(_("last change"), default=timezone.now)

    objects = GistQuerySet.as_manager()

    class Meta:
        verbose_name = _("gist")
        verbose_name_plural = _("gists")
        ordering = ("-created_on", "-pk")

    def __str__(self) -> str:
        return self.access_id
