"""Why somebody may do something: which grant, through which group; and which row lets an address in.

For people to read. What counts is decided by :mod:`accounts.permissions`; here the same rows are put into words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.addresses import normal_address
from accounts.models import GlobalGrant, IpRange, User, UserGroup
from accounts.permissions import DEFAULT_USER_ID, GLOBAL_PERMISSIONS, Level, Target


@dataclass(frozen=True)
class Reason:
    """One thing that speaks for a level. ``counts``: it is not switched off by something else."""

    text: str
    level: Level
    counts: bool = True
    decides: bool = False  # no other gives more


def reasons(user: User, target: Target, objects: Iterable[Any]) -> dict[int, list[Reason]]:
    """Number of each object -> why ``user`` has what it has there, strongest first. Two queries for all objects."""
    rows = {row.pk: row for row in objects}
    groups = {group.pk: group for group in UserGroup.objects.filter(memberships__user=user)}
    speaking = Q(user_id__in={DEFAULT_USER_ID, user.pk}) | Q(user_group_id__in=groups)
    found: dict[int, list[Reason]] = {pk: [] for pk in rows}
    for pk, row in rows.items():
        if user.is_admin:
            found[pk].append(Reason(_("administrator of the site"), Level.ADMIN))
        if row.owner_id == user.pk and not user.is_default:
            found[pk].append(Reason(_("owner"), Level.ADMIN))
    for grant in target.grants._default_manager.filter(speaking, **{f"{target.field}_id__in": rows}).order_by("pk"):
        given: Any = grant
        pk = getattr(given, f"{target.field}_id")
        level = Level(given.level)
        if given.user_group_id is not None:
            group = groups[given.user_group_id]
            text = _("user group %s") if group.is_active else _("user group %s (inactive, does not count)")
            found[pk].append(Reason(text % group.name, level, counts=group.is_active))
        elif given.user_id == user.pk and not user.is_default:
            found[pk].append(Reason(_("own grant"), level))
        elif target.has_private and rows[pk].is_private:
            found[pk].append(Reason(_("everybody (private, does not count)"), level, counts=False))
        else:
            found[pk].append(Reason(_("everybody"), level))
    return {pk: _decided(several, active=user.is_active) for pk, several in found.items()}


def _decided(several: list[Reason], *, active: bool) -> list[Reason]:
    highest = max((reason.level for reason in several if reason.counts), default=Level.NONE)
    several.sort(key=lambda reason: (not reason.counts, -reason.level))
    return [
        Reason(
            reason.text, reason.level, reason.counts and active, reason.counts and active and reason.level == highest
        )
        for reason in several
    ]


def global_reasons(user: User) -> list[tuple[str, str, str]]:
    """(kind, permission, because) of everything that is not about one object. One query."""
    rows = GlobalGrant.objects.filter(
        Q(user_id__in={DEFAULT_USER_ID, user.pk}) | Q(user_group__memberships__user=user, user_group__is_active=True)
    ).select_related("user_group")
    best: dict[str, tuple[int, str, str]] = {}
    for row in rows.order_by("-user_id", "pk"):
        order = GLOBAL_PERMISSIONS.get(row.kind, ())
        if row.permission not in order or row.kind in ("repository", "group", "usergroup"):
            continue
        strength = order.index(row.permission)
        if row.user_group is not None:
            because = _("user group %s") % row.user_group.name
        else:
            because = _("everybody") if row.user_id == DEFAULT_USER_ID else _("own permission")
        if row.kind not in best or strength > best[row.kind][0]:
            best[row.kind] = (strength, row.permission, because)
    return [(kind, permission, because) for kind, (_strength, permission, because) in sorted(best.items())]


@dataclass(frozen=True)
class Verdict:
    """Whether an address may come in, and the rows that were looked at: (row, holds the address)."""

    allowed: bool
    because: str
    rows: list[tuple[IpRange, bool]]


def judge_address(user: User, text: str) -> Verdict:
    """What :func:`accounts.authentication.address_allowed` says of ``text``, and why. One query.

    Raises:
        ValueError: the text is no address.
    """
    address = normal_address(text)
    if address is None:
        raise ValueError(_("This is not an IP address."))
    ranges = IpRange.objects.filter(user_id__in={DEFAULT_USER_ID, user.pk}).select_related("user").order_by("pk")
    rows = [(row, row.network is not None and address in row.network) for row in ranges]
    holding = next((row for row, holds in rows if holds), None)
    if not rows:
        return Verdict(True, _("No addresses are listed, so every address may come in."), rows)
    if holding is None:
        return Verdict(False, _("There are allowed addresses, and none of them includes this one."), rows)
    whose = _("everybody") if holding.user.is_default else holding.user.username
    because = _("%(cidr)s is allowed to %(whose)s.") % {"cidr": holding.cidr, "whose": whose}
    return Verdict(True, because, rows)
