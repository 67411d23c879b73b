"""The one permission rule, as SQL.

``level = ADMIN for administrators and the owner, else the highest of: own grants, grants of active user groups, the
default user's grant (unless the object is private)``. A grant of NONE takes nothing away. A key can only lower the
result. Nothing here writes, and nothing here knows a model: callers hand in the queryset and its grants.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import (
    Case,
    IntegerChoices,
    IntegerField,
    Max,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least

if TYPE_CHECKING:
    from accounts.actors import Actor

Q_S = TypeVar("Q_S", bound=QuerySet[Any])

#: The anonymous visitor; what is granted to this user is granted to everybody.
DEFAULT_USER_ID = 1


class Level(IntegerChoices):
    """How much somebody may do with an object."""

    NONE = 0, "none"
    READ = 1, "read"
    WRITE = 2, "write"
    ADMIN = 3, "admin"


@dataclass(frozen=True)
class Target:
    """What the rule must know of a kind of object: its grants, how they point to it, whether it can be private."""

    grants: type[Model]
    field: str  # name of the foreign key from the grant to the object
    has_private: bool = False


def _own_grants(actor: Actor, target: Target) -> QuerySet[Any]:
    subject = Q(user_group__in=actor.active_groups)
    if not actor.is_anonymous:
        subject |= Q(user_id=actor.user.pk)
    return target.grants._default_manager.filter(subject)


def _everybodys_grants(target: Target) -> QuerySet[Any]:
    return target.grants._default_manager.filter(user_id=DEFAULT_USER_ID)


def having_level(queryset: Q_S, actor: Actor, target: Target, level: int) -> Q_S:
    """Those objects of ``queryset`` on which ``actor`` has at least ``level``; semi-joins only, so lists stay fast."""
    if actor.cap < level or not actor.user.is_active:
        return queryset.none()
    if actor.user.is_admin:
        return queryset
    public = Q(pk__in=_everybodys_grants(target).filter(level__gte=level).values(target.field))
    if target.has_private:
        public &= Q(is_private=False)
    own = Q(pk__in=_own_grants(actor, target).filter(level__gte=level).values(target.field))
    if not actor.is_anonymous:
        own |= Q(owner_id=actor.user.pk)
    return queryset.filter(own | public)


def with_level(queryset: Q_S, actor: Actor, target: Target) -> Q_S:
    """``queryset`` with every object's resolved ``level`` for ``actor``."""
    cap = Value(int(actor.cap))
    if actor.user.is_admin:
        return queryset.annotate(level=cap)

    def highest(grants: QuerySet[Any]) -> Coalesce:
        rows = grants.filter(**{target.field: OuterRef("pk")}).order_by().values(target.field)
        rows = rows.annotate(highest=Max("level")).values("highest")
        return Coalesce(Subquery(rows, output_field=IntegerField()), Value(0))

    public: Any = highest(_everybodys_grants(target))
    if target.has_private:
        public = Case(When(is_private=True, then=Value(0)), default=public)
    granted: Any = Greatest(highest(_own_grants(actor, target)), public)
    if not actor.is_anonymous:
        granted = Case(When(owner_id=actor.user.pk, then=Value(int(Level.ADMIN))), default=granted)
    return queryset.annotate(level=Least(granted, cap, output_field=IntegerField()))


# -- global permissions --------------------------------------------------------------------------------------------

#: Every kind of global permission with its values, weakest first. Names are Kallithea's, as get_user shows them.
GLOBAL_PERMISSIONS: dict[str, tuple[str, ...]] = {
    "hg.create": ("hg.create.none", "hg.create.repository"),
    "hg.fork": ("hg.fork.none", "hg.fork.repository"),
    "hg.usergroup.create": ("hg.usergroup.create.false", "hg.usergroup.create.true"),
    "hg.register": ("hg.register.none", "hg.register.manual_activate", "hg.register.auto_activate"),
    "hg.extern_activate": ("hg.extern_activate.manual", "hg.extern_activate.auto"),
    "repository": ("repository.none", "repository.read", "repository.write", "repository.admin"),
    "group": ("group.none", "group.read", "group.write", "group.admin"),
    "usergroup": ("usergroup.none", "usergroup.read", "usergroup.write", "usergroup.admin"),
}

CREATE_REPOSITORY = "hg.create.repository"
FORK_REPOSITORY = "hg.fork.repository"
CREATE_USER_GROUP = "hg.usergroup.create.true"


def kind_of(permission: str) -> str:
    """``hg.create`` of ``hg.create.repository``."""
    return permission.rpartition(".")[0]


def strongest(permissions: Iterable[str]) -> dict[str, str]:
    """Kind -> the strongest permission of that kind; unknown ones are ignored."""
    best: dict[str, str] = {}
    for permission in permissions:
        kind = kind_of(permission)
        order = GLOBAL_PERMISSIONS.get(kind, ())
        if permission in order and (kind not in best or order.index(permission) > order.index(best[kind])):
            best[kind] = permission
    return best
