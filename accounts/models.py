"""People, their keys and addresses, user groups, global permissions and the journal.

Repositories are unknown here: where a row must point to one it keeps its number.
"""

from __future__ import annotations

import secrets
import string
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import crypto
from accounts.addresses import Network, normal_network
from accounts.permissions import DEFAULT_USER_ID, GLOBAL_PERMISSIONS, Level, Target, having_level

if TYPE_CHECKING:
    from accounts.actors import Actor

API_KEY_LENGTH = 40
API_KEY_ALPHABET = string.ascii_letters + string.digits


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username__iexact=username)

    def default(self) -> User:
        """The anonymous visitor, whose grants everybody has."""
        return self.get(pk=DEFAULT_USER_ID)


class User(AbstractBaseUser):
    """A person or a program with an account; number 1 is the anonymous visitor, whose grants everybody has."""

    username = models.CharField(_("user name"), max_length=255)
    firstname = models.CharField(_("first name"), max_length=255, blank=True)
    lastname = models.CharField(_("last name"), max_length=255, blank=True)
    email = models.EmailField(_("e-mail address"), max_length=255, null=True, blank=True)  # noqa: DJ001 - unique
    is_active = models.BooleanField(_("active"), default=True)
    is_admin = models.BooleanField(_("administrator"), default=False)
    extern_type = models.CharField(  # noqa: DJ001 - Kallithea's default user has none
        _("sign-in source"), max_length=255, null=True, blank=True, default="internal"
    )
    extern_name = models.CharField(_("name at the source"), max_length=255, null=True, blank=True)  # noqa: DJ001
    created_on = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("username",)
        constraints = (
            models.UniqueConstraint(Lower("username"), name="user_username_unique"),
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
        )

    def __str__(self) -> str:
        return self.username

    @property
    def full_name(self) -> str:
        return f"{self.firstname} {self.lastname}".strip()

    @property
    def is_default(self) -> bool:
        return self.pk == DEFAULT_USER_ID

    # What Django's admin asks of a user.

    @property
    def is_staff(self) -> bool:
        return self.is_admin

    @property
    def is_superuser(self) -> bool:
        return self.is_admin

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_admin

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_admin


class EmailAddress(models.Model):
    """A further address of a user; authors of changesets are recognised by it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="extra_emails")
    email = models.EmailField(_("e-mail address"), max_length=255)

    class Meta:
        verbose_name = _("e-mail address")
        verbose_name_plural = _("e-mail addresses")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(Lower("email"), name="emailaddress_email_unique"),)

    def __str__(self) -> str:
        return self.email


def new_api_key() -> str:
    return "".join(secrets.choice(API_KEY_ALPHABET) for _ in range(API_KEY_LENGTH))


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def matching(self, value: str) -> ApiKeyQuerySet:
        """The key with this value, expired or not."""
        return self.filter(digest=crypto.digest(value))

    def valid(self, now: datetime | None = None) -> ApiKeyQuerySet:
        return self.filter(Q(expires_on=None) | Q(expires_on__gt=now or timezone.now()))


class ApiKey(models.Model):
    """A secret that stands for its user. The built-in one can be reset but not deleted, and never expires.

    A scope makes a key weaker than its user: ``level`` caps what it may do, ``repository_id`` or ``group_id`` bind it
    to one repository or repository group, ``ip_range`` to addresses. The two numbers are no foreign keys on purpose:
    when their object is gone they match nothing, so the key opens nothing.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    encrypted = models.TextField(editable=False)
    description = models.CharField(_("description"), max_length=1024, blank=True)
    is_builtin = models.BooleanField(_("built-in"), default=False, editable=False)
    created_on = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_on = models.DateTimeField(_("expires"), null=True, blank=True)
    level = models.PositiveSmallIntegerField(_("scope"), choices=Level.choices[1:], default=Level.ADMIN)
    repository_id = models.BigIntegerField(_("only for repository number"), null=True, blank=True)
    group_id = models.BigIntegerField(_("only for repository group number"), null=True, blank=True)
    ip_range = models.CharField(_("only from addresses"), max_length=64, blank=True)
    last_used_on = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    last_used_from = models.CharField(_("last used from"), max_length=64, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-is_builtin", "pk")
        constraints = (
            models.UniqueConstraint("user", condition=Q(is_builtin=True), name="apikey_one_builtin_per_user"),
            models.CheckConstraint(
                condition=Q(repository_id=None) | Q(group_id=None), name="apikey_repository_or_group"
            ),
        )

    def __str__(self) -> str:
        return self.description or (str(_("built-in key")) if self.is_builtin else f"#{self.pk}")

    def set_value(self, value: str) -> None:
        self.digest, self.encrypted = crypto.digest(value), crypto.encrypt(value)

    @property
    def value(self) -> str | None:
        """The secret itself, for its owner's page; ``None`` when the site's secret has changed since."""
        return crypto.decrypt(self.encrypted)

    @property
    def is_expired(self) -> bool:
        return self.expires_on is not None and self.expires_on <= timezone.now()

    @property
    def is_bound(self) -> bool:
        """Opens one repository or repository group only."""
        return self.repository_id is not None or self.group_id is not None

    @property
    def is_unrestricted(self) -> bool:
        """Gives every right of its user, as long as it lives and from where it may be used."""
        return self.level == Level.ADMIN and not self.is_bound

    @property
    def is_limited(self) -> bool:
        """Anything less than the built-in key: by level, place, time or address."""
        return not self.is_unrestricted or self.expires_on is not None or self.ip_range != ""


class IpRange(models.Model):
    """Addresses from which a user may come; those of the default user are everybody's. No row at all: from anywhere."""

    user = models.ForeignKey(User, models.CASCADE, related_name="ip_ranges")
    cidr = models.CharField(_("address or network"), max_length=64)

    class Meta:
        verbose_name = _("allowed address")
        verbose_name_plural = _("allowed addresses")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint("user", "cidr", name="iprange_once_per_user"),)

    def __str__(self) -> str:
        return self.cidr

    @property
    def network(self) -> Network | None:
        """``None`` for a row that cannot be read (possible after an import): it allows nobody and locks out nobody."""
        return normal_network(self.cidr)


class UserGroupQuerySet(models.QuerySet["UserGroup"]):
    def visible_to(self, actor: Actor, level: int = Level.READ) -> UserGroupQuerySet:
        """User groups on which ``actor`` has at least ``level``."""
        groups = self.none() if actor.is_bound else self
        return having_level(groups, actor, USER_GROUP_TARGET, level)


class UserGroup(models.Model):
    """A named set of users that grants can be given to; while inactive it gives nothing and keeps its rows."""

    name = models.CharField(_("name"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    owner = models.ForeignKey(User, models.PROTECT, related_name="owned_user_groups", verbose_name=_("owner"))
    is_active = models.BooleanField(_("active"), default=True)
    members = models.ManyToManyField(User, through="Membership", related_name="groups_in", verbose_name=_("members"))
    created_on = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = UserGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("user group")
        verbose_name_plural = _("user groups")
        ordering = ("name",)
        constraints = (models.UniqueConstraint("name", name="usergroup_name_unique"),)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    user_group = models.ForeignKey(UserGroup, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint("user_group", "user", name="membership_once"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.user_group}"


class Grant(models.Model):
    """A level given to one user or one user group. Subclasses add what it is given on."""

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("user"))
    user_group = models.ForeignKey(
        UserGroup, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("user group")
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)

    target_field: ClassVar[str]  # name of the foreign key to what it is given on

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.user or self.user_group}: {Level(self.level).label}"

    @property
    def target(self) -> models.Model:
        """What the level is given on."""
        return getattr(self, self.target_field)  # type: ignore[no-any-return]


def grant_constraints(target: str) -> tuple[models.BaseConstraint, ...]:
    """One subject per row, and one row per subject and target."""
    return (
        models.CheckConstraint(
            condition=Q(user=None, user_group__isnull=False) | Q(user__isnull=False, user_group=None),
            name=f"{target}_grant_one_subject",
        ),
        models.UniqueConstraint("user", target, name=f"{target}_grant_once_per_user"),
        models.UniqueConstraint("user_group", target, name=f"{target}_grant_once_per_group"),
    )


class UserGroupGrant(Grant):
    """A level on a user group (``on``), given to a user or to another user group."""

    on = models.ForeignKey(UserGroup, models.CASCADE, related_name="grants", verbose_name=_("on user group"))

    target_field = "on"

    class Meta:
        verbose_name = _("grant on a user group")
        verbose_name_plural = _("grants on user groups")
        ordering = ("pk",)
        constraints = grant_constraints("on")


USER_GROUP_TARGET = Target(UserGroupGrant, "on")


class GlobalGrantQuerySet(models.QuerySet["GlobalGrant"]):
    def reaching(self, actor: Actor) -> GlobalGrantQuerySet:
        """The rows that speak for ``actor``: the default user's, its active groups' and its own."""
        return self.filter(
            Q(user_id__in={DEFAULT_USER_ID, actor.user.pk}) | Q(user_group__in=actor.active_groups)
        ).order_by()


class GlobalGrant(models.Model):
    """A permission that is not about one object, such as ``hg.create.repository``; one per kind and subject.

    The default user's rows are the site's defaults, and its ``repository.*``, ``group.*`` and ``usergroup.*`` rows what
    everybody gets on new objects.
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="global_grants")
    user_group = models.ForeignKey(UserGroup, models.CASCADE, null=True, blank=True, related_name="global_grants")
    kind = models.CharField(max_length=32, choices=[(kind, kind) for kind in GLOBAL_PERMISSIONS])
    permission = models.CharField(
        max_length=64, choices=[(value, value) for values in GLOBAL_PERMISSIONS.values() for value in values]
    )

    objects = GlobalGrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("global permission")
        verbose_name_plural = _("global permissions")
        ordering = ("pk",)
        constraints = grant_constraints("kind")

    def __str__(self) -> str:
        return f"{self.user or self.user_group}: {self.permission}"


class JournalEntry(models.Model):
    """One thing that somebody did, kept when the person or the object is gone.

    ``subject_*`` say what it was done to; ``data`` holds further facts (pushed hashes, changed fields), never a secret.
    """

    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="journal")
    username = models.CharField(_("user name"), max_length=255)
    action = models.CharField(_("action"), max_length=64)  # verb_noun: "create_repository", "push"
    subject_type = models.CharField(_("subject type"), max_length=32, blank=True)  # "repository", "user", ...
    subject_id = models.BigIntegerField(_("subject number"), null=True, blank=True)
    subject_name = models.CharField(_("subject"), max_length=512, blank=True)
    data: models.JSONField[Any, Any] = models.JSONField(_("details"), default=dict, blank=True)
    address = models.CharField(_("from address"), max_length=64, blank=True)
    api_key_id = models.BigIntegerField(_("API key number"), null=True, blank=True)
    created_on = models.DateTimeField(_("when"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        ordering = ("-created_on", "-pk")
        indexes = (
            models.Index(fields=("subject_type", "subject_id", "-created_on"), name="journal_subject"),
            models.Index(fields=("user", "-created_on"), name="journal_user"),
        )

    def __str__(self) -> str:
        return f"{self.username} {self.action} {self.subject_name}".strip()


class AccessCount(models.Model):
    """How often an address signed in or was refused on a day; written by :mod:`accounts.metrics`."""

    class Kind(models.TextChoices):
        SIGN_IN = "sign-in", _("signed in with a password")
        PASSWORD = "password", _("wrong user name or password")
        KEY = "key", _("wrong key")
        BLOCKED = "blocked", _("refused after too many failures")

    day = models.DateField(_("day"))  # UTC
    address = models.CharField(_("address"), max_length=64)  # IPv6: the network of 64 bits; empty: all beyond the limit
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    count = models.PositiveBigIntegerField(_("count"))

    class Meta:
        verbose_name = _("sign-ins and refused calls")
        verbose_name_plural = _("sign-ins and refused calls")
        constraints = (models.UniqueConstraint("day", "address", "kind", name="accesscount_once"),)

    def __str__(self) -> str:
        return f"{self.day} {self.address} {self.kind}: {self.count}"


class ApiCallCount(models.Model):
    """How often an API method was called on a day, and how long that took; written by :mod:`accounts.metrics`."""

    day = models.DateField(_("day"))  # UTC
    method = models.CharField(_("method"), max_length=64)
    calls = models.PositiveBigIntegerField(_("calls"))
    errors = models.PositiveBigIntegerField(_("errors"))
    milliseconds = models.FloatField(_("milliseconds in all"))
    longest = models.FloatField(_("milliseconds of the longest"))

    class Meta:
        verbose_name = _("API calls")
        verbose_name_plural = _("API calls")
        constraints = (models.UniqueConstraint("day", "method", name="apicallcount_once"),)

    def __str__(self) -> str:
        return f"{self.day} {self.method}: {self.calls}"


SITE_SETTINGS_ID = 1


class SiteSettings(models.Model):
    """What administrators decide about the whole site: one row. Read it through :mod:`accounts.services.site`."""

    class CloneUri(models.TextChoices):
        ADMIN = "admin", _("administrators")
        ALL = "all", _("everybody who may create repositories")

    title = models.CharField(_("title"), max_length=80, default="Kallithea")
    announcement = models.TextField(
        _("announcement"), blank=True, max_length=2000, help_text=_("Shown on every page; leave empty for none.")
    )
    enable_downloads = models.BooleanField(
        _("downloads"), default=False, help_text=_("Whether archives of new repositories are offered.")
    )
    clone_uri_allowed_to = models.CharField(
        _("who may have the server clone from elsewhere"),
        max_length=8,
        choices=CloneUri.choices,
        default=CloneUri.ADMIN,
    )
    session_hours = models.PositiveIntegerField(
        _("session length"), default=14 * 24, help_text=_("Hours, counted from signing in.")
    )

    class Meta:
        verbose_name = _("site settings")
        verbose_name_plural = _("site settings")

    def __str__(self) -> str:
        return self.title
