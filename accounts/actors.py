"""Who does something: a person, from where, and with which key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from accounts.permissions import DEFAULT_USER_ID, Level, strongest

if TYPE_CHECKING:
    from accounts.models import ApiKey, User, UserGroup

#: Stand for the number of a user, and of what a key is bound to, in a query that is composed once for all actors with
#: the same rights.
ANY_USER, ANY_BOUND = -1001, -1002
BOUND_BY = ("repository_id", "group_id")


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

    @property
    def rights(self) -> Rights:
        key = self.key
        bound = next((field for field in BOUND_BY if getattr(key, field, None) is not None), None)
        return Rights(
            self.user.is_active, self.user.is_admin, self.is_anonymous, None if key is None else key.level, bound
        )

    @property
    def numbers(self) -> tuple[int, int]:
        """What :data:`ANY_USER` and :data:`ANY_BOUND` stand for."""
        bound = None if self.key is None else self.key.repository_id or self.key.group_id
        return self.user.pk, bound or 0

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


@dataclass(frozen=True)
class Rights:
    """All that the permission rule sees of an actor, but for the numbers: a few of these stand for everybody."""

    is_active: bool
    is_admin: bool
    is_anonymous: bool
    key_level: int | None
    bound_by: str | None

    def stand_in(self) -> Actor:
        """An actor with these rights whose numbers are :data:`ANY_USER` and :data:`ANY_BOUND`."""
        from accounts.models import ApiKey, User

        user = User(
            pk=DEFAULT_USER_ID if self.is_anonymous else ANY_USER, is_active=self.is_active, is_admin=self.is_admin
        )
        if self.key_level is None:
            return Actor(user)
        return Actor(user, key=ApiKey(level=self.key_level, **({self.bound_by: ANY_BOUND} if self.bound_by else {})))
