"""Repositories and what belongs to one: grants, followers, extra fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Grant, UserGroup, grant_constraints
from accounts.permissions import Level, Target, with_level
from repos import permissions
from repos.models.fields import RemoteAddressField
from repos.models.groups import RepositoryGroup
from repos.vcs.backend import Repository as VcsRepository
from repos.vcs.backend import open_repository
from repos.vcs.push_rules import PushRules
from repos.vcs.remote import MAX_URL

if TYPE_CHECKING:
    from accounts.actors import Actor


class RepositoryQuerySet(models.QuerySet["Repository"]):
    def visible_to(self, actor: Actor, level: int = Level.READ) -> RepositoryQuerySet:
        """Repositories on which ``actor`` has at least ``level``.

        The only way in which views and API methods obtain repositories (one by name or number through
        ``repos.models.lookup``, which is made of this): what is not visible does not exist.
        """
        groups = RepositoryGroup.objects
        return permissions.visible(self, groups, actor, REPOSITORY_TARGET, level, is_group=False)

    @classmethod
    def plain(cls) -> RepositoryQuerySet:
        """All of them, but not by the manager, where modeltranslation makes a class for every query and looks for
        translated fields in every condition: a tenth of the time that finding one takes."""
        return cls(Repository)

    def with_level(self, actor: Actor) -> RepositoryQuerySet:
        """Each with its ``level`` for ``actor``: asked for where the answer is more than yes or no."""
        return with_level(self, actor, REPOSITORY_TARGET)


class Repository(models.Model):
    """A Mercurial or Git repository; ``name`` is its full path, in URLs and below the repositories root."""

    class Kind(models.TextChoices):
        HG = "hg", "Mercurial"
        GIT = "git", "Git"

    class State(models.TextChoices):
        """Kallithea's words: ``pending`` while a job still fills it, ``error`` when that failed."""

        CREATED = "repo_state_created", _("ready")
        PENDING = "repo_state_pending", _("being made")
        ERROR = "repo_state_error", _("failed")

    name = models.CharField(_("name"), max_length=255)
    group = models.ForeignKey(
        RepositoryGroup, models.PROTECT, null=True, blank=True, related_name="repositories", verbose_name=_("group")
    )
    kind = models.CharField(_("type"), max_length=8, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=32, choices=State.choices, default=State.CREATED, editable=False)
    description = models.TextField(_("description"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_repositories", verbose_name=_("owner")
    )
    is_private = models.BooleanField(
        _("private"), default=False, help_text=_("The permission that everybody has does not count here.")
    )
    is_archived = models.BooleanField(
        _("archived"), default=False, help_text=_("Read-only: nothing can be pushed, pulled or merged into it.")
    )
    #: The API tells null from empty.
    clone_uri = RemoteAddressField(_("pulled from"), max_length=MAX_URL, null=True, blank=True)
    fork_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="forks", verbose_name=_("fork of")
    )
    landing_type = models.CharField(_("landing revision type"), max_length=16, default="rev")  # rev, branch, tag, book
    landing_name = models.CharField(_("landing revision"), max_length=255, default="tip")
    protected_branches = models.TextField(
        _("protected branches"),
        blank=True,
        help_text=_("One pattern per line, such as main or release-*: never deleted, never rewritten by a push."),
    )
    max_file_size = models.BigIntegerField(
        _("largest file"), null=True, blank=True, help_text=_("Bytes; a push with a larger file is refused.")
    )
    enable_statistics = models.BooleanField(_("statistics"), default=False)
    enable_downloads = models.BooleanField(_("downloads"), default=False)
    created_on = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_on = models.DateTimeField(_("last change"), default=timezone.now, editable=False)
    #: The newest changeset as the API shows it: raw_id, short_id, revision, message, author, date (epoch seconds).
    last_changeset: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True, editable=False)
    #: ``vcs.state()`` at that time: another one now means that the repository changed behind the server's back.
    vcs_state = models.CharField(max_length=255, blank=True, editable=False)
    #: The same for the rows of ``RepositoryChangeset``.
    changesets_state = models.CharField(max_length=255, blank=True, editable=False)
    size = models.BigIntegerField(_("size on disk"), null=True, editable=False)  # bytes

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("repository")
        verbose_name_plural = _("repositories")
        ordering = ("name",)
        constraints = (models.UniqueConstraint("name", name="repository_name_unique"),)

    def __str__(self) -> str:
        return self.name

    @property
    def base_name(self) -> str:
        """The last part of the path."""
        return self.name.rpartition("/")[2]

    @property
    def path(self) -> Path:
        return Path(settings.REPOSITORIES_ROOT) / self.name

    @property
    def vcs(self) -> VcsRepository:
        """The repository on disk, behind the VCS boundary."""
        return open_repository(self.kind, self.path)

    @property
    def push_rules(self) -> PushRules:
        """What every push must respect. Forks are for what is still being worked on: they publish nothing."""
        return PushRules(tuple(self.protected_branches.split()), self.max_file_size, publishes=self.fork_of_id is None)

    @property
    def landing_rev(self) -> tuple[str, str]:
        return self.landing_type, self.landing_name


class RepositoryGrant(Grant):
    """A level on a repository."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="grants", verbose_name=_("repository"))
    # A user group that repositories rely on cannot be deleted.
    user_group = models.ForeignKey(
        UserGroup, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("user group")
    )

    target_field = "repository"

    class Meta:
        verbose_name = _("grant on a repository")
        verbose_name_plural = _("grants on repositories")
        ordering = ("pk",)
        constraints = grant_constraints("repository")
        indexes = (
            models.Index(fields=("user", "level", "repository"), name="repository_grant_user"),
            models.Index(fields=("user_group", "level", "repository"), name="repository_grant_group"),
        )


REPOSITORY_TARGET = Target(RepositoryGrant, "repository", has_private=True)


class Follower(models.Model):
    """Somebody who sees a repository's news in the journal; the owner follows from the start."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="following")
    repository = models.ForeignKey(Repository, models.CASCADE, related_name="followers")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("follower")
        verbose_name_plural = _("followers")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint("user", "repository", name="follower_once"),)

    def __str__(self) -> str:
        return f"{self.user} follows {self.repository}"


class ExtraField(models.Model):
    """A further fact about a repository, shown by the API as ``ex_<key>``."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="extra_fields")
    key = models.SlugField(_("key"), max_length=250)
    label = models.CharField(_("label"), max_length=1024)
    value = models.TextField(_("value"), blank=True)
    description = models.CharField(_("description"), max_length=1024, blank=True)

    class Meta:
        verbose_name = _("extra field")
        verbose_name_plural = _("extra fields")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint("repository", "key", name="extrafield_once"),)

    def __str__(self) -> str:
        return f"{self.label}: {self.value}"
