"""Keys and passwords: who gets in, who does not, and what happens after too many wrong ones."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import authentication, crypto
from accounts.authentication import (
    AuthenticationFailed,
    TooManyFailures,
    actor_for_key,
    actor_for_password,
    bearer_key,
)
from accounts.models import ApiKey, IpRange, User
from accounts.permissions import Level
from tests.factories import PASSWORD, ApiKeyFactory, UserFactory, key_of

HERE = "192.0.2.1"


@pytest.fixture
def una(db):
    return UserFactory(username="una")


def refused(value, address=HERE):
    with pytest.raises(AuthenticationFailed) as error:
        actor_for_key(value, address)
    return str(error.value) == "Invalid API key"


# -- keys ----------------------------------------------------------------------------------------------------------


def test_a_key_stands_for_its_user(una):
    actor = actor_for_key(key_of(una), HERE)
    assert (actor.user, actor.address, actor.is_admin, actor.cap) == (una, HERE, False, Level.ADMIN)


@pytest.mark.parametrize("value", [None, "", "x", 1, [], {}, True, "0" * 40, "\0" * 40, "\ud800" * 40, "é" * 40])
def test_what_is_no_key(una, value):
    assert refused(value)


@pytest.mark.parametrize(
    "change", [str.lower, str.upper, lambda key: f" {key}", lambda key: key + " ", lambda key: key[:-1]]
)
def test_a_key_is_exact(una, change):
    key = ApiKeyFactory(user=una)
    key.set_value("aA" * 20)
    key.save()
    assert refused(change("aA" * 20))
    assert actor_for_key("aA" * 20, HERE)


def test_lookup_is_by_a_keyed_digest_and_the_database_holds_no_key(una):
    value = key_of(una)
    stored = str(list(ApiKey.objects.values()))
    assert value not in stored
    assert crypto.digest(value) in stored
    with CaptureQueriesContext(connection) as queries:
        actor_for_key(value, HERE)
    assert value not in str(queries.captured_queries)  # compared as digests: no time tells how much of it was right


def test_a_key_is_unreadable_with_another_secret(una, settings):
    key = una.api_keys.get()
    settings.SECRET_KEY = "another"
    assert key.value is None


@pytest.mark.parametrize(
    ("age", "works"), [(timedelta(seconds=-1), False), (timedelta(0), False), (timedelta(1), True)]
)
def test_expiry(una, age, works):
    key = ApiKeyFactory(user=una, expires_on=timezone.now() + age)
    if works:
        assert actor_for_key(key.value, HERE).key == key
    else:
        assert refused(key.value)


def test_inactive_users_and_the_default_user_have_no_way_in(una):
    assert refused(ApiKeyFactory(user=User.objects.default()).value)
    una.is_active = False
    una.save()
    assert refused(key_of(una))


def test_address_rules_hold_for_keys(una):
    una.ip_ranges.create(cidr="10.0.0.0/8")
    assert refused(key_of(una))
    assert actor_for_key(key_of(una), "::ffff:10.0.0.1")


def test_a_key_may_have_addresses_of_its_own(una):
    key = ApiKeyFactory(user=una, ip_range="10.0.0.0/8")
    assert refused(key.value)
    assert refused(key.value, "")
    assert actor_for_key(key.value, "10.1.1.1")
    assert actor_for_key(key_of(una), HERE)


def test_scopes_lower_what_an_administrator_may_do(db):
    boss = UserFactory(is_admin=True)
    reading = actor_for_key(ApiKeyFactory(user=boss, level=Level.READ).value, HERE)
    assert (reading.is_admin, reading.cap, reading.may("hg.create.repository")) == (False, Level.READ, False)
    bound = actor_for_key(ApiKeyFactory(user=boss, repository_id=1).value, HERE)
    assert (bound.is_admin, bound.cap, bound.may("hg.create.repository")) == (False, Level.ADMIN, False)
    assert actor_for_key(ApiKeyFactory(user=boss).value, HERE).is_admin


def test_last_use_is_written_at_most_once_a_minute(una):
    value = key_of(una)
    actor_for_key(value, HERE)
    key = una.api_keys.get()
    assert key.last_used_from == HERE
    with CaptureQueriesContext(connection) as queries:
        actor_for_key(value, "192.0.2.2")
    assert not any(query["sql"].startswith("UPDATE") for query in queries.captured_queries)
    una.api_keys.update(last_used_on=timezone.now() - timedelta(seconds=61))
    actor_for_key(value, "192.0.2.2")
    assert una.api_keys.get().last_used_from == "192.0.2.2"


# -- too many failures ---------------------------------------------------------------------------------------------


@pytest.fixture
def three_failures(settings):
    settings.FAILURE_LIMIT = 3


def test_too_many_wrong_keys_from_one_address(una, three_failures):
    for _attempt in range(3):
        assert refused("wrong")
    with pytest.raises(TooManyFailures) as error:
        actor_for_key(key_of(una), HERE)
    assert error.value.retry_after > 0
    assert actor_for_key(key_of(una), "192.0.2.99")  # others are not affected


def test_the_neighbours_of_an_ipv6_address_are_the_same_one(una, three_failures):
    for number in range(3):
        assert refused("wrong", f"2001:db8:0:1::{number}")
    with pytest.raises(TooManyFailures):
        actor_for_key(key_of(una), "2001:db8:0:1:ffff::1")
    assert actor_for_key(key_of(una), "2001:db8:0:2::1")


def test_good_keys_do_not_count(una, three_failures):
    for _attempt in range(5):
        actor_for_key(key_of(una), HERE)


def test_too_many_wrong_passwords(una, three_failures):
    for _attempt in range(3):
        with pytest.raises(AuthenticationFailed):
            actor_for_password("una", "wrong", HERE)
    with pytest.raises(TooManyFailures):
        actor_for_password("una", PASSWORD, HERE)
    with pytest.raises(TooManyFailures):
        actor_for_password("UNA", PASSWORD, HERE)
    assert actor_for_password("una", PASSWORD, "192.0.2.99")  # nobody can lock somebody else out


# -- passwords -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["una", "UNA", "Una"])
def test_a_password_in_any_case_of_the_name(una, name):
    assert actor_for_password(name, PASSWORD, HERE).user == una


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("una", "wrong"),
        ("una", ""),
        ("una", PASSWORD + " "),
        ("una", "\0"),
        ("una", "x" * 100),
        ("una", "x" * 1_000_000),
        ("nobody", PASSWORD),
        ("", ""),
        ("x" * 300, PASSWORD),
        ("default", PASSWORD),
        ("u\0na", PASSWORD),
    ],
)
def test_every_failure_reads_the_same(una, name, password):
    with pytest.raises(AuthenticationFailed) as error:
        actor_for_password(name, password, HERE)
    assert str(error.value) == "Invalid user name or password"


def test_every_failure_costs_one_password_hash(una, monkeypatch):
    """So that the time does not tell whether a name exists."""
    hashed = []
    monkeypatch.setattr("accounts.authentication.make_password", lambda password: hashed.append("dummy"))
    monkeypatch.setattr(User, "check_password", lambda user, password: bool(hashed.append("real")))  # type: ignore[func-returns-value]
    for name in ("una", "nobody", "default"):
        with pytest.raises(AuthenticationFailed):
            actor_for_password(name, "wrong", HERE)
    assert hashed == ["real", "dummy", "dummy"]


def test_who_does_not_sign_in_here(una):
    una.ip_ranges.create(cidr="10.0.0.0/8")
    for user in (una, UserFactory(is_active=False), UserFactory(extern_type="ldap"), UserFactory(password=None)):
        with pytest.raises(AuthenticationFailed):
            actor_for_password(user.username, PASSWORD, HERE)


@pytest.mark.parametrize(
    "stored", ["5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", "", "!", "x$y$z"]
)
def test_a_password_in_a_form_that_nobody_knows_is_a_wrong_one(una, stored):
    User.objects.filter(pk=una.pk).update(password=stored)
    with pytest.raises(AuthenticationFailed):
        actor_for_password("una", "password", HERE)


@pytest.mark.parametrize("password", ["secret word", "x" * 100])
def test_an_imported_bcrypt_password_works_and_is_upgraded(una, settings, password):
    bcrypt = pytest.importorskip("bcrypt")
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.BCryptPasswordHasher",
    ]
    hashed = bcrypt.hashpw(b"secret word", bcrypt.gensalt(4)).decode()
    User.objects.filter(pk=una.pk).update(password=f"bcrypt${hashed}")
    if len(password) > 72:  # bcrypt refuses it: a wrong password, not an error
        with pytest.raises(AuthenticationFailed):
            actor_for_password("una", password, HERE)
    else:
        assert actor_for_password("una", password, HERE).user == una
        assert User.objects.get(pk=una.pk).password.startswith("md5$")


@pytest.mark.parametrize("password", ["wrong", "x" * 100])
def test_an_imported_password_fails_no_quicker_than_any_other(una, settings, monkeypatch, password):
    """Else the time tells which names are those of users."""
    bcrypt = pytest.importorskip("bcrypt")
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.BCryptPasswordHasher",
    ]
    hashed = []
    monkeypatch.setattr("accounts.authentication.make_password", lambda password: hashed.append("dummy"))
    User.objects.filter(pk=una.pk).update(password=f"bcrypt${bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}")
    for name in ("una", "nobody"):
        with pytest.raises(AuthenticationFailed):
            actor_for_password(name, password, HERE)
    assert hashed == ["dummy", "dummy"]


def test_djangos_views_sign_in_by_the_same_rule(una, rf):
    assert authenticate(rf.post("/", REMOTE_ADDR=HERE), username="UNA", password=PASSWORD) == una
    una.ip_ranges.create(cidr="10.0.0.0/8")
    assert authenticate(rf.post("/", REMOTE_ADDR=HERE), username="una", password=PASSWORD) is None


# -- where a key stands in a request -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"HTTP_AUTHORIZATION": "Bearer abc"}, "abc"),
        ({"HTTP_AUTHORIZATION": "bearer abc"}, "abc"),
        ({"HTTP_AUTHENTICATION": "Bearer abc"}, "abc"),  # the published text's header
        ({"HTTP_AUTHORIZATION": "Bearer abc", "QUERY_STRING": "api_key=url"}, "abc"),
        ({"HTTP_AUTHORIZATION": "Bearer"}, ""),
        ({"HTTP_AUTHORIZATION": "Basic dTpw"}, None),
        ({"QUERY_STRING": "api_key=url"}, "url"),
        ({"QUERY_STRING": "api_key="}, ""),
        ({}, None),
    ],
)
def test_where_a_key_stands(given, key):
    assert bearer_key(RequestFactory().get("/", **given)) == key


def test_keys_in_urls_can_be_switched_off(settings):
    settings.API_KEY_IN_URL = False
    assert bearer_key(RequestFactory().get("/?api_key=url")) is None


def test_a_right_password_is_hashed_once_in_a_while_and_a_wrong_one_always(una, monkeypatch):
    hashed = []
    real = User.check_password

    def check(user, password):
        hashed.append(password)
        return real(user, password)

    monkeypatch.setattr(User, "check_password", check)
    for _ in range(3):
        actor_for_password("una", PASSWORD, HERE)
        with pytest.raises(AuthenticationFailed):
            actor_for_password("una", "wrong", HERE)
    assert hashed == [PASSWORD, "wrong", "wrong", "wrong"]
    monkeypatch.setattr(authentication, "PROVEN_FOR", -1.0)
    monkeypatch.setattr(authentication, "_proven", {})
    actor_for_password("una", PASSWORD, HERE)
    actor_for_password("una", PASSWORD, HERE)
    assert hashed[4:] == [PASSWORD, PASSWORD]


def test_a_change_counts_at_once_also_for_who_was_just_there(una):
    actor_for_password("una", PASSWORD, HERE)
    IpRange.objects.create(user=una, cidr="10.0.0.0/8")
    with pytest.raises(AuthenticationFailed):
        actor_for_password("una", PASSWORD, HERE)
    IpRange.objects.all().delete()
    User.objects.filter(pk=una.pk).update(is_active=False)
    with pytest.raises(AuthenticationFailed):
        actor_for_password("una", PASSWORD, HERE)
    una.set_password("another one")
    una.save()
    with pytest.raises(AuthenticationFailed):
        actor_for_password("una", PASSWORD, HERE)
    assert actor_for_password("una", "another one", HERE).user == una


def test_remembered_passwords_are_bounded(una, monkeypatch):
    monkeypatch.setattr(authentication, "MOST_PROVEN", 2)
    monkeypatch.setattr(authentication, "_proven", {})
    for user in (una, UserFactory(), UserFactory()):
        actor_for_password(user.username, PASSWORD, HERE)
        assert len(authentication._proven) <= 2
    assert PASSWORD.encode() not in b"".join(authentication._proven)
