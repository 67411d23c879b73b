"""Every report over a generated year, against the same computed from the records without any SQL.

On PostgreSQL it is the year of a large site, and every report has two seconds.
"""

from __future__ import annotations

from time import perf_counter

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import reporting
from accounts.models import User
from reviews import report_views
from tests.factories import actor
from tests.site import year_answers as answers
from tests.site.year import NOW, make_year

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("year")]

LARGE = connection.vendor == "postgresql"
SIZE = (
    {"repositories": 200, "people": 500, "changesets": 300_000, "votes": 20_000}
    if LARGE
    else {"repositories": 30, "people": 60, "changesets": 4_000, "votes": 400}
)
SECONDS = 2


@pytest.fixture(scope="module")
def year(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        made = make_year(**SIZE)
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


PERIOD = {"since": "2026-01-05", "until": "2026-03-31"}
BY_PERSON = [{}, PERIOD, {"group": "team1", **PERIOD}, {"user": "person000"}, {"user_group": "people1"}]
CASES = {
    "activity_by_repository": [*BY_PERSON, {"kind": "hg"}],
    "activity_by_author": [*BY_PERSON, {"kind": "git"}],
    "activity_by_week": BY_PERSON,
    "repository_growth": [{}, PERIOD, {"group": "team2"}],
    "repositories_by_last_change": [{}, {"group": "team0", "kind": "git"}],
    "repositories_by_size": [{}, {"kind": "hg"}],
    "repositories_without_owner_activity": [{}, {"days": "10", "group": "team3"}],
    "repository_permissions": [{}, {"level": "read"}, {"level": "admin", "group": "team1"}, {"user": "person003"}],
    "repositories_readable_by_anybody": [{}, {"group": "team1/sub"}],
    "failed_jobs": [{}, {"days": "300"}, {"days": "300", "kind": "pull"}],
    "api_keys_to_look_at": [
        {},
        {"concern": "unused"},
        {"concern": "over-privileged", "days": "5"},
        {"user": "person001"},
    ],
    "sign_ins_and_refusals": [{}, PERIOD, {"address": "10.0.0.7"}],
    "api_calls_by_method": [{}, PERIOD, {"method": "method_3"}],
    "review_turnaround": [{}, PERIOD, {"group": "team1"}],
    "review_load": [{}, PERIOD, {"group": "team1", "user": "person000"}, {"user_group": "people2"}],
    "stale_pull_requests": [{}, {"days": "200"}, {"group": "team4", "user": "person004"}],
}


def test_every_report_is_checked(year):
    assert {found.name for found in reporting.reports(actor(User(is_admin=True)))} == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_report_says_what_the_records_say(year, name):
    expected, cases = getattr(answers, name), CASES[name]
    of_repositories = reporting.find(actor(User(is_admin=True)), name).for_repository_admins
    for user in [year.users[1], year.users[0]][: 1 + of_repositories]:
        found = reporting.find(actor(user), name)
        sizes = []
        for given in cases:
            started = perf_counter()
            rows = found.run(actor(user), given)
            took = perf_counter() - started
            assert rows == expected(year, user, **given), (user.username, given)
            assert took < SECONDS or not LARGE, (user.username, given, took)
            sizes.append(len(rows))
        assert any(sizes), user.username


@pytest.mark.parametrize("view", report_views.VIEWS)
def test_the_views_are_quick_enough(year, view):
    started = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {view}")
        assert cursor.fetchone()[0] > 0
    assert perf_counter() - started < SECONDS or not LARGE


@pytest.mark.skipif(not LARGE, reason="asks the planner of PostgreSQL")
@pytest.mark.parametrize("asked", [{"username": "person003"}, {"user_id": "1"}, {"object_name": "nosuch"}])
def test_the_permissions_of_one_are_not_looked_for_among_all(year, asked):
    def cost(condition):
        with connection.cursor() as cursor:
            cursor.execute(
                f"EXPLAIN (FORMAT JSON) SELECT * FROM report_v1_permissions WHERE {condition}", [*asked.values()]
            )
            return cursor.fetchone()[0][0]["Plan"]["Total Cost"]

    assert cost(f"{next(iter(asked))} = %s") < cost("%s <> ''") / 10
