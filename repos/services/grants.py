"""Giving levels on repositories and repository groups to users and user groups, and taking them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import journal
from accounts.actors import Actor
from accounts.models import User, UserGroup
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository, RepositoryGrant, RepositoryGroup, RepositoryGroupGrant
from repos.services import access
from repos.services.repository_groups import below

#: What lies in a repository group, at any depth, is given the same.
Children = Literal["none", "repos", "groups", "all"]

#: A model of grants, the name of its foreign key to the target, the targets.
_Targets = tuple[Any, str, QuerySet[Any]]


def grant(
    *,
    actor: Actor,
    on: Repository | RepositoryGroup,
    to: User | UserGroup,
    level: Level,
    apply_to_children: Children = "none",
) -> None:
    """Give ``to`` this level on ``on``, whatever it had. On what is inside only where the actor is an admin of it.

    Everybody (the default user) is given nothing on private repositories inside.
    """
    access.require(actor, on, Level.ADMIN)
    subject = _subject(to)
    with transaction.atomic():
        for model, field, targets in _targets(actor, on, apply_to_children):
            if (
                model is RepositoryGrant
                and subject.get("user_id") == DEFAULT_USER_ID
                and isinstance(on, RepositoryGroup)
            ):
                targets = targets.filter(is_private=False)  # noqa: PLW2901 - narrowed
            rows = model._default_manager.filter(**subject, **{f"{field}__in": targets.values("pk")})
            rows.update(level=level)
            missing = targets.exclude(pk__in=rows.values(field)).values_list("pk", flat=True)
            model._default_manager.bulk_create(
                [model(**subject, **{f"{field}_id": number}, level=level) for number in list(missing)],
                ignore_conflicts=True,  # somebody else may give the same at this moment
                batch_size=500,
            )
        journal.record(actor, "grant", on, to=str(to), level=level.label, children=apply_to_children, **subject)


def revoke(
    *, actor: Actor, on: Repository | RepositoryGroup, to: User | UserGroup, apply_to_children: Children = "none"
) -> None:
    """Take back what ``to`` was given; nothing given is no error."""
    access.require(actor, on, Level.ADMIN)
    subject = _subject(to)
    with transaction.atomic():
        for model, field, targets in _targets(actor, on, apply_to_children):
            model._default_manager.filter(**subject, **{f"{field}__in": targets.values("pk")}).delete()
        journal.record(actor, "revoke", on, to=str(to), children=apply_to_children, **subject)


def change(
    *,
    actor: Actor,
    on: Repository | RepositoryGroup,
    levels: Mapping[User | UserGroup, Level | None],
    apply_to_children: Children = "none",
) -> int:
    """Give everyone in ``levels`` this level, or take it back (``None``): all of it, or nothing. How many changed.

    With ``apply_to_children`` what lies inside is changed for all of them, also where ``on`` itself stays as it is.
    """
    access.require(actor, on, Level.ADMIN)
    rows = on.grants.values_list("user_id", "user_group_id", "level")
    now: dict[tuple[int | None, int | None], int] = {(user, group): level for user, group, level in rows}
    changed = 0
    with transaction.atomic():
        for to, level in levels.items():
            present = now.get((to.pk, None) if isinstance(to, User) else (None, to.pk))
            if level == present and apply_to_children == "none":
                continue
            changed += 1
            if level is None:
                revoke(actor=actor, on=on, to=to, apply_to_children=apply_to_children)
            else:
                grant(actor=actor, on=on, to=to, level=level, apply_to_children=apply_to_children)
    return changed


def _subject(to: User | UserGroup) -> dict[str, int]:
    return {"user_id": to.pk} if isinstance(to, User) else {"user_group_id": to.pk}


def _targets(actor: Actor, on: Repository | RepositoryGroup, children: Children) -> Iterator[_Targets]:
    """Every kind of grant concerned, with what it is about: what is inside only where the actor is an admin of it."""
    if isinstance(on, Repository):
        yield RepositoryGrant, "repository", Repository.objects.filter(pk=on.pk)
        return
    groups = Q(pk=on.pk)
    if children in ("groups", "all"):
        inside = below(RepositoryGroup, on).visible_to(actor, Level.ADMIN)
        groups |= Q(pk__in=list(inside.values_list("pk", flat=True)))
    yield RepositoryGroupGrant, "group", RepositoryGroup.objects.filter(groups)
    if children in ("repos", "all"):
        repositories = below(Repository, on).visible_to(actor, Level.ADMIN)
        found = list(repositories.values_list("pk", flat=True))
        yield RepositoryGrant, "repository", Repository.objects.filter(pk__in=found)
