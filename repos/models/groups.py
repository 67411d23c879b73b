"""Repository groups: folders of repositories, nested to any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Grant, grant_constraints
from accounts.permissions import Level, Target, with_level
from repos import permissions

if TYPE_CHECKING:
    from accounts.actors import Actor


class RepositoryGroupQuerySet(models.QuerySet["RepositoryGroup"]):
    def visible_to(self, actor: Actor, level: int = Level.READ) -> RepositoryGroupQuerySet:
        """Repository groups on which ``actor`` has at least ``level``."""
        groups = RepositoryGroup.objects
        return permissions.visible(self, groups, actor, REPOSITORY_GROUP_TARGET, level, is_group=True)

    def with_level(self, actor: Actor) -> RepositoryGroupQuerySet:
        """Each with its ``level`` for ``actor``: asked for where the answer is more than yes or no."""
        return with_level(self, actor, REPOSITORY_GROUP_TARGET)


class RepositoryGroup(models.Model):
    """``name`` is the full path; permissions are not inherited by what lies inside."""

    name = models.CharField(_("name"), max_length=255)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent group")
    )
    description = models.TextField(_("description"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_repository_groups", verbose_name=_("owner")
    )
    created_on = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = RepositoryGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("repository group")
        verbose_name_plural = _("repository groups")
        ordering = ("name",)
        constraints = (models.UniqueConstraint("name", name="repositorygroup_name_unique"),)

    def __str__(self) -> str:
        return self.name

    @property
    def base_name(self) -> str:
        """The last part of the path."""
        return self.name.rpartition("/")[2]


class RepositoryGroupGrant(Grant):
    """A level on a repository group."""

    group = models.ForeignKey(RepositoryGroup, models.CASCADE, related_name="grants", verbose_name=_("group"))

    target_field = "group"

    class Meta:
        verbose_name = _("grant on a repository group")
        verbose_name_plural = _("grants on repository groups")
        ordering = ("pk",)
        constraints = grant_constraints("group")


REPOSITORY_GROUP_TARGET = Target(RepositoryGroupGrant, "group")
