"""Reports about reviews: how fast they are, who does them, and which ones wait."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.models import JournalEntry
from accounts.reporting import Column, Plot, Rows, during, people, report
from repos.reports.scope import administrated
from reviews.models import ChangesetStatus, Comment, PullRequest, PullRequestQuerySet, Reviewer


def _pull_requests(actor: Actor, group: str = "", repository: str = "") -> PullRequestQuerySet:
    """Those into repositories that somebody administrates, from repositories that the same may read."""
    targets = administrated(actor, group, repository=repository).order_by().values("pk")
    return PullRequest.objects.visible_to(actor).filter(target__in=targets).order_by()


@report(
    title=_("Review turnaround"),
    columns=(
        Column("repository", _("repository")),
        Column("opened", _("opened"), "number"),
        Column("voted", _("with a vote"), "number"),
        Column("median_to_vote", _("median to the first vote"), "duration"),
        Column("p90_to_vote", _("90% have a vote after"), "duration"),
        Column("merged", _("merged"), "number"),
        Column("median_to_merge", _("median to the merge"), "duration"),
        Column("p90_to_merge", _("90% are merged after"), "duration"),
    ),
    plot=Plot("repository", "median_to_vote"),
    for_repository_admins=True,
)
def review_turnaround(
    actor: Actor, *, since: date | None = None, until: date | None = None, group: str = "", repository: str = ""
) -> Rows:
    """How long pull requests opened in a period took to the first vote of somebody else, and to the merge.

    The 90th percentile is the shortest time within which at least 90 of 100 had it (nearest rank).
    """
    opened = _pull_requests(actor, group, repository).filter(during("created_on", since, until))
    merges = JournalEntry.objects.filter(action="merge_pull_request", subject_type="pullrequest").order_by()
    merged = dict(merges.values_list("subject_id").annotate(when=Min("created_on")))
    rows = opened.annotate(first_vote=Min("statuses__modified_on", filter=~Q(statuses__user=F("owner"))))
    counts: Counter[str] = Counter()
    to_vote: dict[str, list[timedelta]] = defaultdict(list)
    to_merge: dict[str, list[timedelta]] = defaultdict(list)
    for number, name, created, first_vote in rows.values_list("pk", "target__name", "created_on", "first_vote"):
        counts[name] += 1
        if first_vote is not None:
            to_vote[name].append(first_vote - created)
        if number in merged:
            to_merge[name].append(merged[number] - created)
    for name, count in sorted(counts.items()):
        votes, ends = sorted(to_vote[name]), sorted(to_merge[name])
        yield name, count, len(votes), *_median_and_p90(votes), len(ends), *_median_and_p90(ends)


def _median_and_p90(ordered: Sequence[timedelta]) -> tuple[timedelta | None, timedelta | None]:
    if not ordered:
        return None, None
    count = len(ordered)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return middle, ordered[math.ceil(count * 9 / 10) - 1]


@report(
    title=_("Review load"),
    columns=(
        Column("user", _("user")),
        Column("asked", _("asked"), "number"),
        Column("voted", _("voted on"), "number"),
        Column("comments", _("comments"), "number"),
        Column("waiting", _("waiting now"), "number"),
    ),
    plot=Plot("user", "voted"),
    for_repository_admins=True,
)
def review_load(
    actor: Actor,
    *,
    since: date | None = None,
    until: date | None = None,
    group: str = "",
    repository: str = "",
    user: str = "",
    user_group: str = "",
) -> Rows:
    """Who was asked for reviews in a period, on how many pull requests of others the same person voted, how many
    comments there were, and how many open pull requests wait now for a vote on what is newest in them."""
    pull_requests = _pull_requests(actor, group, repository).values("pk")
    wanted = people(actor, user, user_group)
    asked = Reviewer.objects.filter(pull_request__in=pull_requests, user__in=wanted).order_by()
    said = ChangesetStatus.objects.filter(
        iteration__number=OuterRef("pull_request__iteration_number"),
        pull_request=OuterRef("pull_request"),
        user=OuterRef("user"),
    )
    waiting = asked.filter(~Exists(said), pull_request__status=PullRequest.Status.NEW)
    asked = asked.filter(during("since", since, until))
    votes = ChangesetStatus.objects.filter(
        during("modified_on", since, until),
        ~Q(user=F("pull_request__owner")),
        pull_request__in=pull_requests,
        user__in=wanted,
    ).order_by()
    comments = (
        Comment.objects.present()
        .exclude(text="")
        .filter(during("created_on", since, until), pull_request__in=pull_requests, author__in=wanted)
        .order_by()
    )
    counts = [
        dict(rows.values_list(who).annotate(count=Count(what, distinct=True)))
        for rows, who, what in (
            (asked, "user__username", "pk"),
            (votes, "user__username", "pull_request"),
            (comments, "author__username", "pk"),
            (waiting, "user__username", "pk"),
        )
    ]
    names = {name for count in counts for name in count}
    rows = [(name, *(count.get(name, 0) for count in counts)) for name in names]
    return sorted(rows, key=lambda row: (-row[2], -row[4], row[0]))


@report(
    title=_("Stale pull requests"),
    columns=(
        Column("number", _("number"), "number"),
        Column("title", _("title")),
        Column("repository", _("repository")),
        Column("owner", _("owner")),
        Column("opened", _("opened"), "date"),
        Column("last_change", _("last change"), "date"),
        Column("days", _("days ago"), "number"),
        Column("missing_votes", _("missing votes"), "number"),
    ),
    for_repository_admins=True,
)
def stale_pull_requests(actor: Actor, *, days: int = 30, group: str = "", repository: str = "", user: str = "") -> Rows:
    """Open pull requests (of a user) that nobody has changed, commented or voted on for some days, longest first.

    A vote is missing of every reviewer who has not voted on the newest iteration.
    """
    now: datetime = timezone.now()
    since = now - timedelta(days=min(days, 36500))
    found = _pull_requests(actor, group, repository).filter(
        status=PullRequest.Status.NEW,
        updated_on__lt=since,
        **({"owner__in": people(actor, user)} if user else {}),
    )
    rows = list(found.values_list("pk", "title", "target__name", "owner__username", "created_on", "updated_on"))
    touched = {row[0]: row[-1] for row in rows}
    for field in ("comments__created_on", "statuses__modified_on"):
        for number, last in found.values_list("pk").annotate(last=Max(field)).exclude(last=None):
            touched[number] = max(touched.get(number, last), last)
    said = ChangesetStatus.objects.filter(
        pull_request=OuterRef("pull_request"),
        iteration__number=OuterRef("pull_request__iteration_number"),
        user=OuterRef("user"),
    )
    missing = dict(
        Reviewer.objects.filter(~Exists(said), pull_request__in=found.values("pk"))
        .order_by()
        .values_list("pull_request")
        .annotate(count=Count("pk"))
    )
    for number, *about, _changed in sorted(rows, key=lambda row: (touched[row[0]], row[0])):
        last = touched[number]
        if last < since:
            yield number, *about, last, (now - last).days, missing.get(number, 0)
