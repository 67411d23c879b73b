"""What repositories are like: size, growth, last change, owners, and what failed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.models import JournalEntry
from accounts.reporting import Column, Plot, Rows, report
from repos.models import Job, RepositoryChangeset
from repos.reports.activity import seconds
from repos.reports.scope import Kind, administrated


@report(
    title=_("Repositories by last change"),
    columns=(
        Column("repository", _("repository")),
        Column("kind", _("type")),
        Column("owner", _("owner")),
        Column("last_change", _("last change"), "date"),
        Column("days", _("days ago"), "number"),
        Column("last_changeset", _("last changeset")),
    ),
    for_repository_admins=True,
)
def repositories_by_last_change(actor: Actor, *, group: str = "", kind: Kind = "") -> Rows:
    """Every repository with the time of its last change, the most recent first."""
    now = timezone.now()
    found = administrated(actor, group, kind).values_list(
        "name", "kind", "owner__username", "updated_on", "last_changeset"
    )
    for name, of_kind, owner, changed, last in sorted(found, key=lambda row: (now - row[3], row[0])):
        yield name, of_kind, owner, changed, (now - changed).days, (last or {}).get("short_id", "")


@report(
    title=_("Repositories by size"),
    columns=(
        Column("repository", _("repository")),
        Column("kind", _("type")),
        Column("owner", _("owner")),
        Column("size", _("size"), "bytes"),
    ),
    plot=Plot("repository", "size"),
    for_repository_admins=True,
)
def repositories_by_size(actor: Actor, *, group: str = "", kind: Kind = "") -> Rows:
    """Every repository whose size on disk is known, the largest first."""
    found = administrated(actor, group, kind).exclude(size=None)
    return sorted(found.values_list("name", "kind", "owner__username", "size"), key=lambda row: (-row[3], row[0]))


@report(
    title=_("Growth of repositories"),
    columns=(
        Column("repository", _("repository")),
        Column("kind", _("type")),
        Column("before", _("changesets before"), "number"),
        Column("new", _("new changesets"), "number"),
        Column("growth", _("growth in percent"), "number"),
        Column("size", _("size now"), "bytes"),
    ),
    plot=Plot("repository", "new"),
    for_repository_admins=True,
)
def repository_growth(
    actor: Actor, *, since: date | None = None, until: date | None = None, group: str = "", kind: Kind = ""
) -> Rows:
    """Every repository with its changesets of a period and those before it, the most new ones first."""
    start, end = seconds(since, until)
    found = administrated(actor, group, kind).order_by()
    rows = RepositoryChangeset.objects.filter(repository__in=found.values("pk")).values("repository_id")
    counts = {
        repository: (before, new)
        for repository, before, new in rows.annotate(
            before=Count("changeset", filter=Q(changeset__timestamp__lt=start)),
            new=Count("changeset", filter=Q(changeset__timestamp__gte=start, changeset__timestamp__lt=end)),
        ).values_list("repository_id", "before", "new")
    }
    grown = [
        (name, of_kind, *counts.get(pk, (0, 0)), size)
        for pk, name, of_kind, size in found.values_list("pk", "name", "kind", "size")
    ]
    for name, of_kind, before, new, size in sorted(grown, key=lambda row: (-row[3], row[0])):
        yield name, of_kind, before, new, round(100 * new / before, 1) if before else None, size


@report(
    title=_("Repositories without owner activity"),
    columns=(
        Column("repository", _("repository")),
        Column("owner", _("owner")),
        Column("owner_active", _("owner active")),
        Column("owner_last_seen", _("owner last did something"), "date"),
        Column("last_change", _("last change"), "date"),
    ),
)
def repositories_without_owner_activity(actor: Actor, *, days: int = 180, group: str = "") -> Rows:
    """Repositories whose owner is inactive, or has done nothing that the journal knows of for some days."""
    since = timezone.now() - timedelta(days=min(days, 36500))
    # Each owner's entries are looked at once, however many repositories are the same owner's.
    entries = JournalEntry.objects.filter(user__in=administrated(actor, group).order_by().values("owner")).order_by()
    last_seen = dict(entries.values_list("user").annotate(when=Max("created_on")))
    for name, owner, username, active, changed in sorted(
        administrated(actor, group).values_list("name", "owner", "owner__username", "owner__is_active", "updated_on")
    ):
        seen = last_seen.get(owner)
        if not active or seen is None or seen < since:
            yield name, username, "yes" if active else "no", seen, changed


@report(
    title=_("Failed jobs"),
    columns=(
        Column("job", _("job"), "number"),
        Column("kind", _("kind")),
        Column("repository", _("repository")),
        Column("started_by", _("started by")),
        Column("failed", _("failed"), "date"),
        Column("error", _("error")),
    ),
)
def failed_jobs(
    actor: Actor, *, days: int = 30, kind: Literal["", "create", "fork", "pull", "rescan", "delete"] = ""
) -> Rows:
    """Jobs that failed in the last days, the latest first."""
    since = timezone.now() - timedelta(days=min(days, 36500))
    found = Job.objects.filter(state=Job.State.FAILED, finished_on__gte=since).order_by("-finished_on", "-pk")
    found = found.filter(kind=kind) if kind else found
    return found.values_list("pk", "kind", "repository_name", "actor__username", "finished_on", "error")
