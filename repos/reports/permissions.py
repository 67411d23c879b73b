"""Who may do what in which repository, and why."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.permissions import DEFAULT_USER_ID, Level
from accounts.reporting import Column, Rows, people, report
from repos.models import RepositoryGrant
from repos.reports.scope import administrated


@report(
    title=_("Who can write where"),
    columns=(
        Column("repository", _("repository")),
        Column("user", _("user")),
        Column("level", _("level")),
        Column("because", _("because")),
    ),
    for_repository_admins=True,
)
def repository_permissions(
    actor: Actor, *, group: str = "", user: str = "", level: Literal["write", "admin", "read"] = "write"
) -> Rows:
    """Every active user who has at least a level on a repository, once for each reason: owner, own grant, user group.

    What everybody has is a row of the user default, or of the user asked for. Administrators, who may do everything
    everywhere, are only listed where there is a further reason.
    """
    repositories = administrated(actor, group)
    least = Level[level.upper()]
    wanted = people(actor, user)
    rows = [
        (name, owner, Level.ADMIN.label, "owner")
        for name, owner in repositories.filter(owner__in=wanted, owner__is_active=True)
        .exclude(owner=DEFAULT_USER_ID)
        .values_list("name", "owner__username")
    ]
    grants = RepositoryGrant.objects.filter(repository__in=repositories.values("pk"), level__gte=least)
    grants = grants.exclude(user=DEFAULT_USER_ID, repository__is_private=True)
    # Whether visitors are let in or not: who has signed in has it too.
    reached = [one.username for one in wanted if one.is_active or one.is_default] if user else ["default"]
    for name, found in grants.filter(user=DEFAULT_USER_ID).values_list("repository__name", "level"):
        rows += [(name, subject, Level(found).label, "everybody") for subject in reached]
    own = grants.filter(user__in=wanted, user__is_active=True).exclude(user=DEFAULT_USER_ID)
    for name, subject, found in own.values_list("repository__name", "user__username", "level"):
        rows.append((name, subject, Level(found).label, "own grant"))
    through = grants.filter(
        user_group__is_active=True, user_group__members__is_active=True, user_group__members__in=wanted
    )
    for name, subject, found, via in through.values_list(
        "repository__name", "user_group__members__username", "level", "user_group__name"
    ):
        rows.append((name, subject, Level(found).label, f"user group {via}"))
    return sorted(rows)


@report(
    title=_("Repositories that anybody can read"),
    columns=(
        Column("repository", _("repository")),
        Column("owner", _("owner")),
        Column("level", _("level of everybody")),
    ),
    for_repository_admins=True,
)
def repositories_readable_by_anybody(actor: Actor, *, group: str = "") -> Rows:
    """Repositories that are open to everybody, and so to visitors who have not signed in, while those are let in."""
    found = administrated(actor, group).filter(
        is_private=False, grants__user=DEFAULT_USER_ID, grants__level__gte=Level.READ
    )
    for name, owner, level in sorted(found.values_list("name", "owner__username", "grants__level")):
        yield name, owner, Level(level).label
