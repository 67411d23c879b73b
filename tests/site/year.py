"""A generated year of a site: plain records, written to the database in bulk, for reports to be checked against.

The same seed gives the same records on every database.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from accounts.models import (
    AccessCount,
    ApiCallCount,
    ApiKey,
    EmailAddress,
    JournalEntry,
    Membership,
    User,
    UserGroup,
    UserGroupGrant,
)
from accounts.permissions import Level
from repos.models import Job, Repository, RepositoryChangeset, RepositoryGrant, RepositoryGroup, StoredChangeset
from reviews.models import ChangesetStatus, Comment, Iteration, PullRequest, Reviewer, VoteStatus

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
START = NOW - timedelta(days=365)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = 1000  # numbers of rows; lower ones belong to the site itself
LEVELS = list(Level)


@dataclass
class Change:
    raw_id: str
    email: str
    author: str
    timestamp: int


@dataclass
class Year:
    """What was generated. Lists hold unsaved or saved model instances; nothing in them is read back."""

    users: list[User] = field(default_factory=list)
    addresses: dict[int, list[str]] = field(default_factory=dict)  # user -> lower case
    members: dict[int, set[int]] = field(default_factory=dict)  # user group -> users
    user_groups: list[UserGroup] = field(default_factory=list)
    groups: list[RepositoryGroup] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)
    grants: list[RepositoryGrant] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    held: list[tuple[Repository, Change]] = field(default_factory=list)
    pull_requests: list[PullRequest] = field(default_factory=list)
    reviewers: list[Reviewer] = field(default_factory=list)
    votes: list[ChangesetStatus] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    keys: list[ApiKey] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    access: list[AccessCount] = field(default_factory=list)
    calls: list[ApiCallCount] = field(default_factory=list)


def make_year(*, repositories: int, people: int, changesets: int, votes: int, seed: int = 1) -> Year:
    """Generate and write a year."""
    dice = random.Random(seed)
    year = Year()
    _people(year, dice, people)
    _repositories(year, dice, repositories)
    _changesets(year, dice, changesets)
    _reviews(year, dice, votes)
    _rest(year, dice)
    if connection.vendor == "postgresql":
        connection.check_constraints()  # once, and not again at the end of every test
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return year


def _moment(dice: random.Random) -> datetime:
    """In the year or a little before it, in whole seconds."""
    return START + timedelta(seconds=dice.randrange(-60 * 86400, 365 * 86400))


def _people(year: Year, dice: random.Random, count: int) -> None:
    extra = []
    for number in range(count):
        name = f"person{number:03}"
        email = f"{name.capitalize() if number % 3 else name}@example.com" if number % 20 else None
        user = User(
            pk=FIRST + number,
            username=name,
            email=email,
            is_active=number < 3 or dice.random() < 0.95,
            is_admin=number in (1, 2),
        )
        year.users.append(user)
        further = [f"{name}@{host}.example" for host in ("home", "Work")[: dice.randrange(3)]]
        extra += [EmailAddress(user=user, email=address) for address in further]
        year.addresses[user.pk] = [address.lower() for address in ([email] if email else []) + further]
    User.objects.bulk_create(year.users)
    EmailAddress.objects.bulk_create(extra)
    for number in range(max(4, count // 25)):
        group = UserGroup(
            pk=FIRST + number, name=f"people{number}", owner=dice.choice(year.users), is_active=number % 4 != 3
        )
        year.user_groups.append(group)
        year.members[group.pk] = {user.pk for user in dice.sample(year.users, min(count, 30))}
    UserGroup.objects.bulk_create(year.user_groups)
    UserGroupGrant.objects.bulk_create(
        UserGroupGrant(on=group, user_id=1, level=Level.READ) for group in year.user_groups
    )
    Membership.objects.bulk_create(
        Membership(user_group_id=group, user_id=user) for group, users in year.members.items() for user in sorted(users)
    )


def _repositories(year: Year, dice: random.Random, count: int) -> None:
    for number in range(12):
        parent = year.groups[number - 6] if number >= 6 else None
        name = f"{parent.name}/sub" if parent else f"team{number}"
        year.groups.append(RepositoryGroup(pk=FIRST + number, name=name, parent=parent, owner=dice.choice(year.users)))
    RepositoryGroup.objects.bulk_create(year.groups)
    for number in range(count):
        group = dice.choice([*year.groups, None])
        repository = Repository(
            pk=FIRST + number,
            name=(f"{group.name}/" if group else "") + f"{dice.choice('aBc_-')}project{number}",
            group=group,
            kind=dice.choice(["hg", "git"]),
            owner=dice.choice(year.users),
            is_private=dice.random() < 0.3,
            size=dice.choice([None, dice.randrange(50) * 1000]),
            updated_on=_moment(dice),
            last_changeset=dice.choice([{}, {"short_id": f"{number:012x}"}]),
        )
        year.repositories.append(repository)
        year.grants.append(RepositoryGrant(repository=repository, user_id=1, level=dice.choice(LEVELS)))
        year.grants += [
            RepositoryGrant(repository=repository, user=user, level=dice.choice(LEVELS))
            for user in dice.sample(year.users, 5)
        ]
        year.grants += [
            RepositoryGrant(repository=repository, user_group=given, level=dice.choice(LEVELS))
            for given in dice.sample(year.user_groups, 3)
        ]
    Repository.objects.bulk_create(year.repositories)
    RepositoryGrant.objects.bulk_create(year.grants)


def _changesets(year: Year, dice: random.Random, count: int) -> None:
    start, span = int((START - EPOCH).total_seconds()), 365 * 86400
    for number in range(count):
        where = dice.random()
        user = year.users[int(len(year.users) * where * where)]  # some do much more than others
        addresses = year.addresses[user.pk]
        if number % 100 == 0 or not addresses:
            email, author = "", f"script {number % 7}"
        elif number % 20 == 0:
            email, author = f"stranger{number % 50}@elsewhere.example", "A Stranger"
        else:
            email, author = dice.choice(addresses), user.username
        moment = start + dice.randrange(-span // 4, span)
        year.changes.append(Change(f"{dice.getrandbits(160):040x}", email, author, moment))
    places = year.repositories
    for change in year.changes:
        where = dice.random()
        place = int(len(places) * where * where)
        year.held.append((places[place], change))
        if dice.random() < 0.1:  # a fork has it as well
            year.held.append((places[(place + 1) % len(places)], change))
    names = ("raw_id", "author", "author_email", "timestamp", "utc_offset", "message", "parents", "branch", "files")
    rows = ((c.raw_id, c.author, c.email, c.timestamp, 0, "change", "[]", "", "") for c in year.changes)
    _write(StoredChangeset._meta.db_table, names, rows)
    _write(
        RepositoryChangeset._meta.db_table,
        ("repository_id", "changeset_id"),
        ((repository.pk, change.raw_id) for repository, change in year.held),
    )


def _write(table: str, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    columns = ", ".join(names)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # No look at 600,000 foreign keys that are right, where the role may say so.
            cursor.execute(
                "SELECT set_config('session_replication_role', 'replica', true)"
                " FROM pg_roles WHERE rolname = current_user AND rolsuper"
            )
            with cursor.cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(
                "SELECT set_config('session_replication_role', 'origin', true)"
                " FROM pg_roles WHERE rolname = current_user AND rolsuper"
            )
        else:
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(names))})", list(rows))


def _reviews(year: Year, dice: random.Random, count: int) -> None:
    iterations = []
    number = 0
    while len(year.votes) < count:
        number += 1
        created = _moment(dice)
        origin, target = dice.choice(year.repositories), dice.choice(year.repositories)
        pull_request = PullRequest(
            pk=FIRST + number,
            title=f"change {number}",
            owner=dice.choice(year.users),
            status=dice.choices(PullRequest.Status.values, (1, 2, 5))[0],
            origin=origin,
            target=target,
            iteration_number=dice.choice([1, 1, 2]),
            created_on=created,
            updated_on=created + timedelta(minutes=dice.randrange(100_000)),
        )
        year.pull_requests.append(pull_request)
        own = [
            Iteration(pk=FIRST + 2 * number + n, pull_request=pull_request, number=n, revisions=[f"{number:040x}"])
            for n in range(1, pull_request.iteration_number + 1)
        ]
        iterations += own
        asked = dice.sample(year.users, dice.randrange(1, 5))
        year.reviewers += [Reviewer(pull_request=pull_request, user=user, since=created) for user in asked]
        for user in [pull_request.owner, *dice.sample(asked, dice.randrange(len(asked) + 1)), *asked[:1]]:
            year.votes.append(
                ChangesetStatus(
                    repository=origin,
                    raw_id=f"{number:040x}",
                    user=user,
                    status=dice.choice(VoteStatus.values),
                    pull_request=pull_request,
                    iteration=dice.choice(own),
                    modified_on=created + timedelta(seconds=dice.randrange(10 * 86400)),
                )
            )
        for user in dice.sample(year.users, 2):
            said = created + timedelta(seconds=dice.randrange(86400))
            gone = NOW if dice.random() < 0.1 else None
            text = dice.choice(["", "hello", "hm"])
            year.comments.append(
                Comment(pull_request=pull_request, author=user, text=text, created_on=said, deleted_on=gone)
            )
        if pull_request.status == PullRequest.Status.MERGED:
            year.journal.append(
                JournalEntry(
                    action="merge_pull_request",
                    username="somebody",
                    subject_type="pullrequest",
                    subject_id=pull_request.pk,
                    created_on=created + timedelta(seconds=dice.randrange(30 * 86400)),
                )
            )
    PullRequest.objects.bulk_create(year.pull_requests)
    Iteration.objects.bulk_create(iterations)
    Reviewer.objects.bulk_create(year.reviewers)
    ChangesetStatus.objects.bulk_create(year.votes)
    Comment.objects.bulk_create(year.comments)


def _rest(year: Year, dice: random.Random) -> None:
    for user in year.users:
        if dice.random() < 0.8:
            year.journal.append(
                JournalEntry(user=user, username=user.username, action="push", created_on=_moment(dice))
            )
        for number in range(dice.randrange(3)):
            year.keys.append(
                ApiKey(
                    pk=FIRST + len(year.keys),
                    user=user,
                    digest=f"{len(year.keys):064x}",
                    is_builtin=number == 0,
                    description="" if number == 0 else f"key {number}",
                    created_on=_moment(dice),
                    expires_on=NOW + timedelta(hours=dice.randrange(-3000, 3000)) if dice.random() < 0.3 else None,
                    level=dice.choice(LEVELS[1:]) if number else Level.ADMIN,
                    ip_range=dice.choice(["", "10.0.0.0/8"]) if number else "",
                    last_used_on=_moment(dice) if dice.random() < 0.6 else None,
                    last_used_from="10.0.0.1",
                )
            )
    days = [date(2025, 7, 1) + timedelta(days=number) for number in range(365)]
    for day in days:
        for address in dice.sample(range(200), 8):
            kind = dice.choice(AccessCount.Kind.values)
            row = AccessCount(day=day, address=f"10.0.0.{address}", kind=kind, count=dice.randrange(1, 500))
            year.access.append(row)
        for name in dice.sample(range(40), 20):
            calls = dice.randrange(1, 1000)
            year.calls.append(
                ApiCallCount(
                    day=day,
                    method=f"method_{name}",
                    calls=calls,
                    errors=dice.randrange(calls),
                    milliseconds=calls * dice.randrange(1, 400) / 4,
                    longest=dice.randrange(400, 4000) / 4,
                )
            )
    for number in range(400):
        made = _moment(dice)
        repository = dice.choice(year.repositories)
        year.jobs.append(
            Job(
                pk=FIRST + number,
                kind=dice.choice(Job.Kind.values),
                state=dice.choice(Job.State.values),
                repository=repository,
                repository_name=repository.name,
                actor=dice.choice(year.users),
                error=f"error {number}",
                created_on=made,
                finished_on=made + timedelta(minutes=5),
            )
        )
    JournalEntry.objects.bulk_create(year.journal)
    ApiKey.objects.bulk_create(year.keys)
    AccessCount.objects.bulk_create(year.access)
    ApiCallCount.objects.bulk_create(year.calls)
    Job.objects.bulk_create(year.jobs)
