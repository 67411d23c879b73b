"""Counters of calls and sign-ins: exact sums, few rows, no query in the request."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError

from accounts import metrics
from accounts.models import AccessCount, ApiCallCount
from tests.api.conftest import Api
from tests.factories import PASSWORD, AdminFactory, UserFactory, key_of

pytestmark = pytest.mark.django_db


def access():
    metrics.flush()
    return set(AccessCount.objects.values_list("address", "kind", "count"))


def test_sign_ins_and_refusals_are_counted_by_address(client, settings):
    UserFactory(username="una")
    client.post("/_admin/login", {"username": "una", "password": "wrong"}, REMOTE_ADDR="10.0.0.1")
    client.post("/_admin/login", {"username": "una", "password": PASSWORD}, REMOTE_ADDR="10.0.0.1")
    for _ in range(3):
        client.get("/", headers={"authorization": "Bearer wrong"}, REMOTE_ADDR="2001:db8::1:2:3:4")
    settings.FAILURE_LIMIT = 4  # for the whole network
    client.get("/", headers={"authorization": "Bearer wrong"}, REMOTE_ADDR="2001:db8::9")
    assert access() == {("10.0.0.1", "password", 1), ("10.0.0.1", "sign-in", 1), ("2001:db8::/64", "key", 4)}
    client.get("/", headers={"authorization": "Bearer wrong"}, REMOTE_ADDR="2001:db8::9")
    assert ("2001:db8::/64", "blocked", 1) in access()


def test_calls_are_counted_by_method(client):
    api = Api(client, key_of(AdminFactory()))
    api("get_ip")
    metrics.flush()
    api("get_ip")
    api.error("get_user", userid="nobody")
    metrics.flush()
    rows = {row.method: row for row in ApiCallCount.objects.all()}
    assert {name: (row.calls, row.errors) for name, row in rows.items()} == {"get_ip": (2, 0), "get_user": (1, 1)}
    assert rows["get_ip"].milliseconds >= rows["get_ip"].longest > 0
    assert rows["get_ip"].day == datetime.now(UTC).date()


def test_counting_costs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        for number in range(1000):
            metrics.note_call("get_ip", 0.001, failed=False)
            metrics.note_access(f"10.0.{number % 10}.1", AccessCount.Kind.KEY)
    with django_assert_num_queries(5):  # a savepoint, the known addresses, one statement for each table
        metrics.flush()
    assert ApiCallCount.objects.get().calls == 1000
    with django_assert_num_queries(0):
        metrics.flush()


def test_strangers_cannot_fill_the_database(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_ADDRESSES", 5)
    for number in range(4):
        metrics.note_access(f"10.0.0.{number}", AccessCount.Kind.KEY)
    metrics.flush()
    metrics.note_access("10.0.0.1", AccessCount.Kind.KEY)
    for number in range(20):
        metrics.note_access(f"10.0.1.{number}", AccessCount.Kind.KEY)
    rows = access()
    assert len(rows) <= 6
    assert ("10.0.0.1", "key", 2) in rows
    assert sum(count for _, _, count in rows) == 25


def test_a_failing_write_hurts_nobody(monkeypatch, caplog):
    def fail(*args):
        raise DatabaseError("down")

    monkeypatch.setattr(metrics, "_upsert", fail)
    metrics.note_call("get_ip", 0.001, failed=False)
    metrics.flush()
    assert "counters were not written" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_them_by_itself(settings):
    settings.METRICS_INTERVAL = 0.01
    metrics.note_call("get_ip", 0.001, failed=False)
    timer = metrics._sums.timer
    settings.METRICS_INTERVAL = 0
    timer.join(10)
    assert ApiCallCount.objects.get().calls == 1
