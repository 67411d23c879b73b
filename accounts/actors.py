"""Who does something: a person, from where, and with which key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from accounts.permissions import DEFAULT_USER_ID, Level, strongest

if TYPE_CHECKING:
    from accounts.models import ApiKey, User, UserGroup


@dataclass(frozen=True)
class Actor:
    """The subject of every permission question and the author of every journal entry.

    ``key`` is the API key in use, whose scope can lower what the user may do; ``None`` for a session or the system.
    """

    user: User
    address: str | None = None
    key: ApiKey | None = None

    def __str__(self) -> str:
        return self.user.username

    @property
    def is_anonymous(self) -> bool:
        return self.user.pk == DEFAULT_USER_ID

    @property
    def cap(self) -> Level:
        """The highest level that the key in use allows."""
        return Level.ADMIN if self.key is None else Level(self.key.level)

    @property
    def is_admin(self) -> bool:
        """Administrator rights over the whole site; a key with a narrower scope has none."""
        return self.user.is_admin and (self.key is None or self.key.is_unrestricted)

    @property
    def has_voice(self) -> bool:
        """Whether things may be written in the user's name: not a visitor's, nor with a key that may only read."""
        return not self.is_anonymous and self.cap >= Level.WRITE

    @property
    def is_bound(self) -> bool:
        """Whether the key in use opens one repository or repository group only, and nothing else of its user's."""
        return self.key is not None and self.key.is_bound

    @property
    def may_handle_keys(self) -> bool:
        """Whether keys and passwords may be seen and made from here: a limited key must not lead to a wider one."""
        return not self.is_anonymous and (self.key is None or not self.key.is_limited)

    @cached_property
    def active_groups(self) -> QuerySet[UserGroup]:
        """The active user groups this user is in, as a subquery."""
        return self.user.groups_in.filter(is_active=True).order_by().values("pk")  # type: ignore[return-value]

    @cached_property
    def global_permissions(self) -> dict[str, str]:
        """Kind -> strongest permission of the default user, the active groups and the user. One query."""
        from accounts.models import GlobalGrant

        return strongest(GlobalGrant.objects.reaching(self).values_list("permission", flat=True))

    def may(self, permission: str) -> bool:
        """Whether the actor may use a global permission, such as ``hg.create.repository``; a narrowed key has none."""
        return (self.key is None or self.key.is_unrestricted) and self.holds(permission)

    def holds(self, permission: str) -> bool:
        """Whether the user has a global permission, whatever the key."""
        return self.user.is_admin or permission in self.global_permissions.values()
