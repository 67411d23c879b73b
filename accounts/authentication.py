"""Who is asking: keys, passwords, addresses, and what happens after too many wrong ones.

Every door uses these functions: the API, pages with a bearer token, clone and push, sign-in.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import get_hashers, make_password
from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.actors import Actor
from accounts.addresses import Address, Network, neighbourhood, normal_address, normal_network
from accounts.counting import one_more
from accounts.crypto import digest
from accounts.metrics import note_access
from accounts.models import AccessCount, ApiKey, IpRange, User
from accounts.permissions import DEFAULT_USER_ID
from accounts.prepared import Prepared

LAST_USED_EVERY = timedelta(minutes=1)
PROVEN_FOR = 60.0  # seconds that a password which was right is not hashed again
MOST_PROVEN = 1000
_PROOF_KEY = secrets.token_bytes(32)
_proven: dict[bytes, float] = {}  # digest -> until when, on the monotonic clock
LONGEST_PASSWORD = 1024  # characters; hashing more is work for the server only


class AuthenticationFailed(Exception):
    """The key, password or address was not accepted. Deliberately says no more."""


class TooManyFailures(AuthenticationFailed):
    """Refused without looking: too many wrong keys or passwords from there."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many failed attempts, try again in {retry_after} seconds")
        self.retry_after = retry_after


# -- addresses -----------------------------------------------------------------------------------------------------


def client_address(request: HttpRequest) -> str:
    """Where the request comes from. ``X-Forwarded-For`` counts only as far as trusted proxies wrote it."""
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    address = normal_address(peer)
    while address is not None and forwarded and _in_networks(address, settings.TRUSTED_PROXIES):
        address = normal_address(forwarded.pop())
    return str(address) if address is not None else ""


def _in_networks(
    address: Address,
    networks: Iterable[Network | None],
) -> bool:
    return any(network is not None and address in network for network in networks)


def address_allowed(user: User, address: str | None) -> bool:
    """Whether a user may come from ``address``: no rows for everybody and the user, or one of them holds it. One query.

    ``None`` is the system itself and always allowed.
    """
    if address is None:
        return True
    allowed = "SELECT * FROM accounts_iprange WHERE user_id IN (%s, %s)"
    ranges = list(IpRange.objects.raw(allowed, [DEFAULT_USER_ID, user.pk]))
    if not ranges:
        return True
    parsed = normal_address(address)
    return parsed is not None and _in_networks(parsed, (row.network for row in ranges))


# -- failures ------------------------------------------------------------------------------------------------------


def origin(address: str | None) -> str:
    """The subject that stands for where a request comes from."""
    return f"address {neighbourhood(address or '')}"


def check_failures(address: str | None, *subjects: str) -> None:
    """Raise :class:`TooManyFailures` when any subject ("address 10.0.0.1", "user anna") has failed too often."""
    if any(cache.get(_failure_key(subject), 0) >= settings.FAILURE_LIMIT for subject in subjects):
        note_access(address, AccessCount.Kind.BLOCKED)
        raise TooManyFailures(settings.FAILURE_WINDOW)


def note_failure(*subjects: str) -> None:
    for subject in subjects:
        one_more(_failure_key(subject), settings.FAILURE_WINDOW)


def _failure_key(subject: str) -> str:
    return "failures:" + hashlib.sha256(subject.encode("utf-8", "backslashreplace")).hexdigest()


# -- keys ----------------------------------------------------------------------------------------------------------


def actor_for_key(value: object, address: str | None) -> Actor:
    """The actor behind an API key.

    Raises:
        AuthenticationFailed: unknown or expired key, inactive or default user, address not allowed, or no text at all.
        TooManyFailures: too many of these from this address.
    """
    subject = origin(address)
    check_failures(address, subject)
    try:
        key = _usable_key(value, address)
    except AuthenticationFailed:
        note_failure(subject)
        note_access(address, AccessCount.Kind.KEY)
        raise
    _note_use(key, address)
    return Actor(user=key.user, address=address, key=key)


def _usable_key(value: object, address: str | None) -> ApiKey:
    if not isinstance(value, str) or not value:
        raise AuthenticationFailed("Invalid API key")
    key = next(iter(_key_query().run(digest(value))), None)
    if (
        key is None
        or key.is_expired
        or not key.user.is_active
        or key.user.is_default
        or (key.has_ranges and not address_allowed(key.user, address))  # type: ignore[attr-defined]  # annotated
    ):
        raise AuthenticationFailed("Invalid API key")
    if key.ip_range and address is not None:
        parsed = normal_address(address)
        if parsed is None or not _in_networks(parsed, [normal_network(key.ip_range)]):
            raise AuthenticationFailed("Invalid API key")
    return key


@functools.cache
def _key_query() -> Prepared[ApiKey]:
    """By digest: the key with its user, and whether addresses are allowed to that user while others are not."""
    ranges = IpRange.objects.filter(Q(user_id=DEFAULT_USER_ID) | Q(user=OuterRef("user")))
    keys = ApiKey.objects.select_related("user").annotate(has_ranges=Exists(ranges))
    return Prepared(keys.filter(digest="any").order_by(), ["any"])


def _note_use(key: ApiKey, address: str | None) -> None:
    """Remember when and from where a key was used; at most one write a minute, whatever the number of workers."""
    now = timezone.now()
    if key.last_used_on is None or now - key.last_used_on >= LAST_USED_EVERY:
        stale = Q(last_used_on=None) | Q(last_used_on__lte=now - LAST_USED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_on=now, last_used_from=address or "")


def bearer_key(request: HttpRequest) -> str | None:
    """The key that came with a request for a page (``Authentication`` is the published text's header), or ``None``."""
    for header in ("HTTP_AUTHORIZATION", "HTTP_AUTHENTICATION"):
        scheme, space, value = request.META.get(header, "").partition(" ")
        if scheme.lower() == "bearer":
            return value if space else ""
    if settings.API_KEY_IN_URL and "api_key" in request.GET:
        return request.GET["api_key"]
    return None


# -- passwords -----------------------------------------------------------------------------------------------------


def actor_for_password(username: str, password: str, address: str | None) -> Actor:
    """The actor behind a user name (any case) and password; same errors and the same time for every failure."""
    subjects = (origin(address), f"user {username.lower()[:255]} from {origin(address)}")
    check_failures(address, *subjects)
    user = User.objects.filter(username__iexact=username).first() if "\0" not in username else None
    if len(password) > LONGEST_PASSWORD or user is None or user.extern_type != "internal" or user.is_default:
        make_password("as slow as a real one")
        good = False
    else:
        good = _check_password(user, password) and user.is_active and address_allowed(user, address)
    if user is None or not good:
        note_failure(*subjects)
        note_access(address, AccessCount.Kind.PASSWORD)
        raise AuthenticationFailed("Invalid user name or password")
    return Actor(user=user, address=address)


def _check_password(user: User, password: str) -> bool:
    """Hashing is slow on purpose, and git and hg send the password with each of many requests: what was right is
    remembered for a while, in this process and as a digest under a key that nobody else has. The stored hash is part
    of it, so a changed password counts at once."""
    proof = hmac.digest(
        _PROOF_KEY, f"{user.pk}\0{user.password}\0{password}".encode("utf-8", "surrogatepass"), "sha256"
    )
    now = time.monotonic()
    if _proven.get(proof, now) > now:
        return True
    try:
        good = user.check_password(password)
    except ValueError:  # bcrypt refuses more than 72 bytes, and NUL
        good = False
    if not good and user.password.partition("$")[0] in {hasher.algorithm for hasher in get_hashers()[1:]}:
        make_password("as slow as a real one")  # an imported hash is quicker, and that would tell names
    if good:
        if len(_proven) >= MOST_PROVEN:
            _proven.clear()
        _proven[proof] = now + PROVEN_FOR
    return good


class PasswordBackend(BaseBackend):
    """Sign-in by password for Django's login views, by the rule above."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if not username or password is None:
            return None
        try:
            return actor_for_password(username, password, client_address(request) if request else None).user
        except AuthenticationFailed:
            return None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()
