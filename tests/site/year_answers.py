"""What every report must say of a generated year, computed from its records without any SQL."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

from accounts.models import User
from accounts.permissions import Level
from reviews.models import PullRequest
from tests.site.year import EPOCH, NOW, Year


def level_of(year: Year, user: User) -> dict[int, int]:
    """Repository number -> level."""
    if user.is_admin:
        return {repository.pk: 3 for repository in year.repositories}
    through = {group.pk for group in year.user_groups if group.is_active and user.pk in year.members[group.pk]}
    levels = {repository.pk: 3 if repository.owner is user else 0 for repository in year.repositories}
    for grant in year.grants:
        everybodys = grant.user_id == 1 and not grant.repository.is_private
        if everybodys or grant.user_id == user.pk or grant.user_group_id in through:
            levels[grant.repository_id] = max(levels[grant.repository_id], int(grant.level))
    return levels


def scope(year, user, /, group="", kind="", repository="", **_):
    levels = level_of(year, user)
    return [
        found
        for found in year.repositories
        if levels[found.pk] == 3
        and (not group or (found.group and (found.group.name == group or found.group.name.startswith(group + "/"))))
        and (not kind or found.kind == kind)
        and (not repository or found.name == repository)
    ]


def day_of(timestamp):
    return (EPOCH + timedelta(seconds=timestamp)).date()


def chosen_people(year, user="", user_group="", **_):
    members = None
    if user_group:
        members = next(year.members[group.pk] for group in year.user_groups if group.name == user_group)
    return [
        found
        for found in year.users
        if (not user or found.username == user) and (members is None or found.pk in members)
    ]


def commits(year, user, given):
    """``(repository, change, who)`` of what a report counts; ``who`` is a user name or what the changeset says."""
    known = {address: found.username for found in year.users for address in year.addresses[found.pk]}
    wanted = {repository.pk for repository in scope(year, user, **given)}
    mails = None
    if given.get("user") or given.get("user_group"):
        mails = {address for found in chosen_people(year, **given) for address in year.addresses[found.pk]}
    since, until = (date.fromisoformat(given.get(name) or default) for name, default in DAYS)
    low, high = (int((datetime(*day.timetuple()[:3], tzinfo=UTC) - EPOCH).total_seconds()) for day in (since, until))
    for repository, change in year.held:
        counts = repository.pk in wanted and low <= change.timestamp < high + 86400
        if counts and (mails is None or change.email in mails):
            yield repository, change, known.get(change.email) or change.email or change.author


DAYS = (("since", "1900-01-01"), ("until", "2900-01-01"))


def moment(timestamp):
    return datetime.fromtimestamp(timestamp, UTC)


def activity_by_repository(year, user, /, **given):
    found = defaultdict(list)
    for repository, change, who in commits(year, user, given):
        found[repository.name].append((change.timestamp, who))
    rows = [
        (name, len(those), len({who for _, who in those}), moment(min(those)[0]), moment(max(those)[0]))
        for name, those in found.items()
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def activity_by_author(year, user, /, **given):
    names = {found.username for found in year.users}
    changes, places = defaultdict(dict), defaultdict(set)
    for repository, change, who in commits(year, user, given):
        changes[who][change.raw_id] = change.timestamp
        places[who].add(repository.pk)
    rows = [
        (
            who,
            "yes" if who in names else "no",
            len(those),
            len(places[who]),
            moment(min(those.values())),
            moment(max(those.values())),
        )
        for who, those in changes.items()
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def activity_by_week(year, user, /, **given):
    changes, people = defaultdict(set), defaultdict(set)
    for _, change, who in commits(year, user, given):
        day = day_of(change.timestamp)
        monday = day - timedelta(days=day.weekday())
        changes[monday].add(change.raw_id)
        people[monday].add(who)
    return [(monday, len(changes[monday]), len(people[monday])) for monday in sorted(changes)]


def repository_growth(year, user, /, **given):
    scoped = scope(year, user, **given)
    new = Counter(repository.pk for repository, _, _ in commits(year, user, given))
    before = Counter()
    if "since" in given:
        last = (date.fromisoformat(given["since"]) - timedelta(days=1)).isoformat()
        before.update(repository.pk for repository, _, _ in commits(year, user, given | {"since": None, "until": last}))
    rows = []
    for found in scoped:
        old, fresh = before[found.pk], new[found.pk]
        rows.append((found.name, found.kind, old, fresh, round(100 * fresh / old, 1) if old else None, found.size))
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def repositories_by_last_change(year, user, /, **given):
    rows = [
        (
            r.name,
            r.kind,
            r.owner.username,
            r.updated_on,
            (NOW - r.updated_on).days,
            r.last_changeset.get("short_id", ""),
        )
        for r in scope(year, user, **given)
    ]
    return sorted(rows, key=lambda row: (NOW - row[3], row[0]))


def repositories_by_size(year, user, /, **given):
    rows = [(r.name, r.kind, r.owner.username, r.size) for r in scope(year, user, **given) if r.size is not None]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def repositories_without_owner_activity(year, user, /, days=180, **given):
    seen = {}
    for entry in year.journal:
        if entry.user_id:
            seen[entry.user_id] = max(seen.get(entry.user_id, entry.created_on), entry.created_on)
    return sorted(
        (r.name, r.owner.username, "yes" if r.owner.is_active else "no", seen.get(r.owner_id), r.updated_on)
        for r in scope(year, user, **given)
        if not r.owner.is_active or r.owner_id not in seen or seen[r.owner_id] < NOW - timedelta(days=int(days))
    )


def repository_permissions(year, who, /, user="", level="write", **given):
    least = {"read": 1, "write": 2, "admin": 3}[level]
    active = {found.pk: found.username for found in year.users if found.is_active} | {1: "default"}
    wanted = {r.pk: r for r in scope(year, who, **given)}
    rows = [(r.name, active[r.owner_id], "admin", "owner") for r in wanted.values() if r.owner_id in active]
    for grant in year.grants:
        if grant.repository_id not in wanted or grant.level < least:
            continue
        label = Level(grant.level).label
        if grant.user_group_id:
            if grant.user_group.is_active:
                rows += [
                    (grant.repository.name, active[member], label, f"user group {grant.user_group.name}")
                    for member in year.members[grant.user_group_id]
                    if member in active
                ]
        elif grant.user_id == 1:
            if not grant.repository.is_private:
                rows.append((grant.repository.name, user or "default", label, "everybody"))
        elif grant.user_id in active:
            rows.append((grant.repository.name, active[grant.user_id], label, "own grant"))
    return sorted(row for row in rows if not user or row[1] == user)


def repositories_readable_by_anybody(year, user, /, **given):
    levels = {grant.repository_id: grant.level for grant in year.grants if grant.user_id == 1}
    return sorted(
        (r.name, r.owner.username, Level(levels[r.pk]).label)
        for r in scope(year, user, **given)
        if not r.is_private and levels[r.pk]
    )


def failed_jobs(year, user, /, days=30, kind=""):
    rows = [
        (job.pk, job.kind, job.repository_name, job.actor.username, job.finished_on, job.error)
        for job in year.jobs
        if job.state == "failed" and job.finished_on >= NOW - timedelta(days=int(days)) and kind in ("", job.kind)
    ]
    return sorted(rows, key=lambda row: (row[4], row[0]), reverse=True)


def api_keys_to_look_at(year, user, /, concern="", days=90, **given):
    span, rows = timedelta(days=int(days)), []
    for key in year.keys:
        if not key.user.is_active or given.get("user") not in (None, key.user.username):
            continue
        concerns = []
        if not key.is_builtin and key.created_on < NOW - span and (key.last_used_on or key.created_on) < NOW - span:
            concerns.append("unused")
        if key.expires_on and NOW < key.expires_on <= NOW + span:
            concerns.append("expiring")
        if key.expires_on and key.expires_on <= NOW:
            concerns.append("expired")
        in_use = key.last_used_on or not key.is_builtin
        if key.user.is_admin and key.level == 3 and not key.expires_on and not key.ip_range and in_use:
            concerns.append("over-privileged")
        rows += [
            (
                key.pk,
                key.user.username,
                "built-in key" if key.is_builtin else key.description,
                name,
                Level(key.level).label,
                key.created_on,
                key.expires_on,
                key.last_used_on,
                key.last_used_from,
            )
            for name in concerns
            if concern in ("", name)
        ]
    return sorted(rows, key=lambda row: (row[1], row[0], row[3]))


def counted(rows, given):
    low, high = (date.fromisoformat(given.get(name, default)) for name, default in DAYS)
    return [row for row in rows if low <= row.day <= high]


def sign_ins_and_refusals(year, user, /, address="", **given):
    found = defaultdict(list)
    for row in counted(year.access, given):
        if address in ("", row.address):
            found[row.address].append(row)
    table = []
    for name, those in found.items():
        sums = [
            sum(row.count for row in those if row.kind == kind) for kind in ("sign-in", "password", "key", "blocked")
        ]
        table.append((name, *sums, min(row.day for row in those), max(row.day for row in those)))
    return sorted(table, key=lambda row: (-sum(row[2:5]), -row[1], row[0]))


def api_calls_by_method(year, user, /, method="", **given):
    found = defaultdict(list)
    for row in counted(year.calls, given):
        if method in ("", row.method):
            found[row.method].append(row)
    table = []
    for name, those in found.items():
        calls = sum(row.calls for row in those)
        average = round(sum(row.milliseconds for row in those) / calls, 3)
        table.append((name, calls, sum(row.errors for row in those), average, max(row.longest for row in those)))
    return sorted(table, key=lambda row: (-row[1], row[0]))


def reviewed(year, user, given):
    levels = level_of(year, user)
    targets = {repository.pk for repository in scope(year, user, **given)}
    return {p.pk: p for p in year.pull_requests if p.target_id in targets and levels[p.origin_id] >= 1}


def within(when, given):
    low, high = (date.fromisoformat(given.get(name, default)) for name, default in DAYS)
    return low <= when.date() <= high


def spread(times):
    if not times:
        return None, None
    ordered = sorted(time.total_seconds() for time in times)
    rank = next(rank for rank in range(1, len(ordered) + 1) if rank * 10 >= len(ordered) * 9)
    return timedelta(seconds=statistics.median(ordered)), timedelta(seconds=ordered[rank - 1])


def review_turnaround(year, user, /, **given):
    first, merged = {}, {}
    for vote in year.votes:
        if vote.user_id != vote.pull_request.owner_id:
            number = vote.pull_request_id
            first[number] = min(first.get(number, vote.modified_on), vote.modified_on)
    for entry in year.journal:
        if entry.action == "merge_pull_request":
            merged[entry.subject_id] = entry.created_on
    found = defaultdict(list)
    for number, pull_request in reviewed(year, user, given).items():
        if within(pull_request.created_on, given):
            begin, vote, end = pull_request.created_on, first.get(number), merged.get(number)
            found[pull_request.target.name].append((vote and vote - begin, end and end - begin))
    rows = []
    for name, those in sorted(found.items()):
        votes, ends = [v for v, _ in those if v is not None], [e for _, e in those if e is not None]
        rows.append((name, len(those), len(votes), *spread(votes), len(ends), *spread(ends)))
    return rows


def missing_votes(year):
    """Reviewers of whom a vote on the newest iteration is missing."""
    said = {
        (vote.pull_request_id, vote.user_id)
        for vote in year.votes
        if vote.iteration.number == vote.pull_request.iteration_number
    }
    return [row for row in year.reviewers if (row.pull_request_id, row.user_id) not in said]


def review_load(year, user, /, **given):
    people = {found.pk: found.username for found in chosen_people(year, **given)}
    mine = reviewed(year, user, {name: given[name] for name in ("group", "repository") if name in given})
    asked, waiting, comments, voted = Counter(), Counter(), Counter(), defaultdict(set)
    asked.update(r.user_id for r in year.reviewers if r.pull_request_id in mine and within(r.since, given))
    waiting.update(
        r.user_id for r in missing_votes(year) if r.pull_request_id in mine and r.pull_request.status == "new"
    )
    comments.update(
        c.author_id
        for c in year.comments
        if c.pull_request_id in mine and c.text and not c.deleted_on and within(c.created_on, given)
    )
    for vote in year.votes:
        counts = vote.pull_request_id in mine and vote.user_id != vote.pull_request.owner_id
        if counts and within(vote.modified_on, given):
            voted[vote.user_id].add(vote.pull_request_id)
    rows = [
        (name, asked[pk], len(voted[pk]), comments[pk], waiting[pk])
        for pk, name in people.items()
        if asked[pk] or voted[pk] or comments[pk] or waiting[pk]
    ]
    return sorted(rows, key=lambda row: (-row[2], -row[4], row[0]))


def stale_pull_requests(year, user, /, days=30, **given):
    missing = Counter(row.pull_request_id for row in missing_votes(year))
    owner = given.pop("user", "")
    touched = {p.pk: p.updated_on for p in year.pull_requests}
    for row, when in [(c, c.created_on) for c in year.comments] + [(v, v.modified_on) for v in year.votes]:
        touched[row.pull_request_id] = max(touched[row.pull_request_id], when)
    found = [
        p
        for p in reviewed(year, user, given).values()
        if p.status == PullRequest.Status.NEW
        and touched[p.pk] < NOW - timedelta(days=int(days))
        and owner in ("", p.owner.username)
    ]
    return [
        (
            p.pk,
            p.title,
            p.target.name,
            p.owner.username,
            p.created_on,
            touched[p.pk],
            (NOW - touched[p.pk]).days,
            missing[p.pk],
        )
        for p in sorted(found, key=lambda p: (touched[p.pk], p.pk))
    ]
