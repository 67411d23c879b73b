"""The permission rule applied to repositories and repository groups, with the bounds that a key can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Exists, Manager, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Left, Length

from accounts.permissions import Target, having_level

if TYPE_CHECKING:
    from accounts.actors import Actor

Q_S = TypeVar("Q_S", bound=QuerySet[Any])


def visible(queryset: Q_S, groups: Manager[Any], actor: Actor, target: Target, level: int, *, is_group: bool) -> Q_S:
    """Objects on which ``actor`` has at least ``level``.

    ``groups``: the manager of repository groups, to find what lies below the one that a key is bound to.
    """
    return having_level(_within_key(queryset, groups, actor, is_group), actor, target, level)


def _within_key(queryset: Q_S, groups: Manager[Any], actor: Actor, is_group: bool) -> Q_S:
    key = actor.key
    if key is None or not key.is_bound:
        return queryset
    if key.repository_id is not None:
        return queryset.none() if is_group else queryset.filter(pk=key.repository_id)
    bound = groups.filter(pk=key.group_id)
    # Not startswith, which knows no case on SQLite.
    prefixes = bound.annotate(prefix=Concat("name", Value("/")))
    below = Exists(prefixes.filter(prefix=Left(OuterRef("name"), Length("prefix"))))
    return queryset.filter(below | Q(pk__in=bound.values("pk"))) if is_group else queryset.filter(below)
