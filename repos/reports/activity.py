"""Who commits what, where and when. Days and weeks of changesets are those of UTC, weeks begin on Monday.

A changeset that several repositories have counts once in each of them, and once for its author and its week.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Min,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.models import EmailAddress, User
from accounts.reporting import Column, Plot, Rows, people, report
from repos.models import Repository, RepositoryChangeset, StoredChangeset
from repos.reports.scope import Kind, administrated

DAY = 24 * 60 * 60
WEEK = 7 * DAY
#: From a Monday long before anything, so that the division of every database rounds the same way.
_FIRST_MONDAY = -3 * DAY - 10_000 * WEEK

#: Who an author is: the number of a user, or what the changeset says.
Person = int | str


def seconds(since: date | None, until: date | None) -> tuple[int, int]:
    """A period of whole days as seconds since 1970: the first one, and the first one after it."""
    start = datetime.combine(since or date.min, time.min, UTC)
    end = datetime.combine(until or date.max, time.min, UTC)
    return int(start.timestamp()), int(end.timestamp()) + DAY


def addresses(actor: Actor, user: str, user_group: str) -> list[str] | None:
    """The e-mail addresses of :func:`accounts.reporting.people`; ``None`` when that is everybody."""
    if not user and not user_group:
        return None
    found = people(actor, user, user_group)
    own = found.exclude(email=None).values_list("email", flat=True)
    more = EmailAddress.objects.filter(user__in=found).values_list("email", flat=True)
    return [(address or "").lower() for address in [*own, *more]]


class People:
    """Authors as users, by their e-mail addresses. Two queries."""

    def __init__(self) -> None:
        rows = User.objects.values_list("pk", "username", "email")
        self.names = {pk: username for pk, username, _ in rows}
        self._users = {email.lower(): pk for pk, _, email in rows if email}
        self._users |= {email.lower(): pk for pk, email in EmailAddress.objects.values_list("user_id", "email")}

    def person(self, signature: str) -> Person:
        return self._users.get(signature, signature.removesuffix(" <>"))  # as Git has a name without an address


def _signature(path: str = "") -> Case:
    """What an author is known by: the address, or the name where there is none."""
    email, author = f"{path}author_email", f"{path}author"
    return Case(When(**{email: ""}, then=F(author)), default=F(email), output_field=TextField())


_WEEK_NUMBER = ExpressionWrapper((F("timestamp") - Value(_FIRST_MONDAY)) / Value(WEEK), output_field=BigIntegerField())


def _held(repositories: QuerySet[Repository], period: tuple[int, int], mails: list[str] | None) -> QuerySet[Any]:
    """Which repository has which changeset."""
    start, end = period
    rows = RepositoryChangeset.objects.filter(
        repository__in=repositories.order_by().values("pk"),
        changeset__timestamp__gte=start,
        changeset__timestamp__lt=end,
    )
    return rows if mails is None else rows.filter(changeset__author_email__in=mails)


def _changesets(repositories: QuerySet[Repository], period: tuple[int, int], mails: list[str] | None) -> QuerySet[Any]:
    """Every changeset that any of the repositories has, once."""
    start, end = period
    held = RepositoryChangeset.objects.filter(repository__in=repositories.order_by().values("pk"))
    rows = StoredChangeset.objects.filter(
        timestamp__gte=start, timestamp__lt=end, pk__in=held.values("changeset")
    ).order_by()
    return rows if mails is None else rows.filter(author_email__in=mails)


@report(
    title=_("Commit activity by repository"),
    columns=(
        Column("repository", _("repository")),
        Column("changesets", _("changesets"), "number"),
        Column("authors", _("authors"), "number"),
        Column("first", _("first"), "date"),
        Column("last", _("last"), "date"),
    ),
    plot=Plot("repository", "changesets"),
    for_repository_admins=True,
)
def activity_by_repository(
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    group: str = "",
    repository: str = "",
    kind: Kind = "",
    user: str = "",
    user_group: str = "",
) -> Rows:
    """Repositories with changesets of a period (and of a user, or of a user group's members), the busiest first."""
    directory = People()
    repositories = administrated(actor, group, kind, repository)
    rows = _held(repositories, seconds(since, until), addresses(actor, user, user_group))
    grouped = rows.values_list("repository", _signature("changeset__")).annotate(
        count=Count("*"), first=Min("changeset__timestamp"), last=Max("changeset__timestamp")
    )
    found: dict[int, _Sum] = defaultdict(_Sum)
    for place, signature, count, first, last in grouped:
        found[place].add(directory.person(signature), count, first, last)
    named = [(name, found[pk]) for pk, name in repositories.values_list("pk", "name") if pk in found]
    for name, of in sorted(named, key=lambda item: (-item[1].changesets, item[0])):
        yield name, of.changesets, len(of.parts), _moment(of.first), _moment(of.last)


@report(
    title=_("Commit activity by author"),
    columns=(
        Column("author", _("author")),
        Column("is_user", _("has an account")),
        Column("changesets", _("changesets"), "number"),
        Column("repositories", _("repositories"), "number"),
        Column("first", _("first"), "date"),
        Column("last", _("last"), "date"),
    ),
    plot=Plot("author", "changesets"),
    for_repository_admins=True,
)
def activity_by_author(
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    group: str = "",
    repository: str = "",
    kind: Kind = "",
    user: str = "",
    user_group: str = "",
) -> Rows:
    """Authors of the changesets of a period, the busiest first; users are recognised by all their e-mail addresses."""
    directory = People()
    scope = administrated(actor, group, kind, repository), seconds(since, until), addresses(actor, user, user_group)
    found: dict[Person, _Sum] = defaultdict(_Sum)
    for signature, count, first, last in (
        _changesets(*scope)
        .values_list(_signature())
        .annotate(count=Count("*"), first=Min("timestamp"), last=Max("timestamp"))
    ):
        found[directory.person(signature)].add(None, count, first, last)
    places: dict[Person, set[int]] = defaultdict(set)
    for place, signature in _held(*scope).values_list("repository", _signature("changeset__")).distinct():
        places[directory.person(signature)].add(place)
    named = [(directory.names[who] if isinstance(who, int) else who, who, of) for who, of in found.items()]
    for name, who, of in sorted(named, key=lambda row: (-row[2].changesets, row[0])):
        known = "yes" if isinstance(who, int) else "no"
        yield name, known, of.changesets, len(places[who]), _moment(of.first), _moment(of.last)


@report(
    title=_("Commit activity by week"),
    columns=(
        Column("week", _("week of"), "date"),
        Column("changesets", _("changesets"), "number"),
        Column("authors", _("authors"), "number"),
    ),
    plot=Plot("week", "changesets", "series"),
    for_repository_admins=True,
)
def activity_by_week(
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    group: str = "",
    repository: str = "",
    kind: Kind = "",
    user: str = "",
    user_group: str = "",
) -> Rows:
    """Weeks (by their Monday, UTC) in which there were changesets, with how many and of how many authors."""
    directory = People()
    rows = _changesets(
        administrated(actor, group, kind, repository), seconds(since, until), addresses(actor, user, user_group)
    )
    found: dict[int, _Sum] = defaultdict(_Sum)
    for week, signature, count in rows.values_list(_WEEK_NUMBER, _signature()).annotate(count=Count("*")):
        found[week].add(directory.person(signature), count)
    for week, of in sorted(found.items()):
        yield _moment(_FIRST_MONDAY + week * WEEK).date(), of.changesets, len(of.parts)


class _Sum:
    """Counts of several rows that belong together."""

    def __init__(self) -> None:
        self.changesets = 0
        self.parts: set[Person | None] = set()
        self.first, self.last = 2**63, -(2**63)

    def add(self, part: Person | None, count: int, first: int = 0, last: int = 0) -> None:
        self.changesets += count
        self.parts.add(part)
        self.first, self.last = min(self.first, first), max(self.last, last)


def _moment(timestamp: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=timestamp)
