"""Reports about keys, sign-ins and API calls."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from django.core.exceptions import ValidationError
from django.db.models import Max, Min, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor
from accounts.addresses import neighbourhood, normal_address, normal_network
from accounts.models import AccessCount, ApiCallCount, ApiKey
from accounts.permissions import Level
from accounts.reporting import Column, Plot, Rows, people, report

Concern = Literal["", "unused", "expiring", "expired", "over-privileged"]


@report(
    title=_("API keys to look at"),
    columns=(
        Column("key", _("key"), "number"),
        Column("user", _("user")),
        Column("description", _("description")),
        Column("concern", _("concern")),
        Column("level", _("scope")),
        Column("created", _("created"), "date"),
        Column("expires", _("expires"), "date"),
        Column("last_used", _("last used"), "date"),
        Column("last_used_from", _("from")),
    ),
)
def api_keys_to_look_at(actor: Actor, *, concern: Concern = "", days: int = 90, user: str = "") -> Rows:
    """Keys of active users that cause concern, a row for each concern.

    unused: not a built-in one, and neither made nor used in the last days. expiring: within as many days. expired.
    over-privileged: gives every right of an administrator, never expires, and works from every address; a built-in one
    only when it is in use.
    """
    now = timezone.now()
    span = timedelta(days=min(days, 36500))
    concerns = {
        "unused": Q(is_builtin=False, created_on__lt=now - span)
        & (Q(last_used_on=None) | Q(last_used_on__lt=now - span)),
        "expiring": Q(expires_on__gt=now, expires_on__lte=now + span),
        "expired": Q(expires_on__lte=now),
        "over-privileged": Q(
            user__is_admin=True, level=Level.ADMIN, repository_id=None, group_id=None, expires_on=None, ip_range=""
        )
        & (Q(is_builtin=False) | Q(last_used_on__isnull=False)),
    }
    keys = ApiKey.objects.filter(user__is_active=True, **({"user__in": people(actor, user)} if user else {}))
    rows = []
    for name, condition in concerns.items():
        if concern in ("", name):
            for pk, username, text, builtin, level, *times in keys.filter(condition).values_list(
                "pk",
                "user__username",
                "description",
                "is_builtin",
                "level",
                "created_on",
                "expires_on",
                "last_used_on",
                "last_used_from",
            ):
                described = text or ("built-in key" if builtin else "")
                rows.append((pk, username, described, name, Level(level).label, *times))
    return sorted(rows, key=lambda row: (row[1], row[0], row[3]))


@report(
    title=_("Sign-ins and refused calls by address"),
    columns=(
        Column("address", _("address")),
        Column("sign_ins", _("sign-ins"), "number"),
        Column("wrong_passwords", _("wrong passwords"), "number"),
        Column("wrong_keys", _("wrong keys"), "number"),
        Column("blocked", _("refused after too many"), "number"),
        Column("first_day", _("first day"), "date"),
        Column("last_day", _("last day"), "date"),
    ),
    plot=Plot("address", "wrong_passwords"),
)
def sign_ins_and_refusals(
    actor: Actor, *, since: date | None = None, until: date | None = None, address: str = ""
) -> Rows:
    """Addresses with how often somebody signed in from there or was refused (days of UTC), the most refused first.

    IPv6 addresses are shown as their network of 64 bits; the empty address stands for all beyond 10,000 a day.
    """
    counts = AccessCount.objects.filter(_days(since, until), **({"address": _counted(address)} if address else {}))
    kinds = AccessCount.Kind
    rows = counts.values_list("address").annotate(
        sign_ins=_sum_of(kinds.SIGN_IN),
        passwords=_sum_of(kinds.PASSWORD),
        keys=_sum_of(kinds.KEY),
        blocked=_sum_of(kinds.BLOCKED),
        first=Min("day"),
        last=Max("day"),
    )
    return sorted(rows, key=lambda row: (-(row[2] + row[3] + row[4]), -row[1], row[0]))


def _counted(text: str) -> str:
    """What an address, or a network as the report shows it, is counted by."""
    address = normal_address(text)
    if address is None and normal_network(text) is None:
        raise ValidationError({"address": _("This is not an IP address.")})
    return neighbourhood(str(address)) if address is not None else text


def _sum_of(kind: AccessCount.Kind) -> Sum:
    return Sum("count", filter=Q(kind=kind), default=0)


@report(
    title=_("API calls by method"),
    columns=(
        Column("method", _("method")),
        Column("calls", _("calls"), "number"),
        Column("errors", _("errors"), "number"),
        Column("average_ms", _("milliseconds on average"), "number"),
        Column("longest_ms", _("milliseconds of the longest"), "number"),
    ),
    plot=Plot("method", "calls"),
)
def api_calls_by_method(
    actor: Actor, *, since: date | None = None, until: date | None = None, method: str = ""
) -> Rows:
    """API methods with how often they were called and how long that took (days of UTC), the most called first."""
    counts = ApiCallCount.objects.filter(**({"method": method} if method else {}))
    if method and not counts.exists():
        raise ValidationError({"method": _("No method of this name has been called.")})
    rows = (
        counts.filter(_days(since, until))
        .values_list("method")
        .annotate(all_calls=Sum("calls"), all_errors=Sum("errors"), took=Sum("milliseconds"), most=Max("longest"))
    )
    for name, calls, errors, took, most in sorted(rows, key=lambda row: (-row[1], row[0])):
        yield name, calls, errors, round(took / calls, 3) if calls else None, round(most, 3)


def _days(since: date | None, until: date | None) -> Q:
    return Q(**({"day__gte": since} if since else {}), **({"day__lte": until} if until else {}))
