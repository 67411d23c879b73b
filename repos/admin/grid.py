"""Permissions on one repository or repository group as a grid: everyone who has a grant by the levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.models import User, UserGroup
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository, RepositoryGroup
from repos.services import grants
from repos.services.grants import Children

FOUND = 50  # users, and user groups, that a search adds to the grid
NOTHING = "-"
LEVELS = [
    (NOTHING, gettext_lazy("not granted")),
    (str(Level.NONE.value), gettext_lazy("none")),
    (str(Level.READ.value), gettext_lazy("read")),
    (str(Level.WRITE.value), gettext_lazy("write")),
    (str(Level.ADMIN.value), gettext_lazy("admin")),
]
CHILDREN = [
    ("none", gettext_lazy("this group only; what is marked differently is changed")),
    ("repos", gettext_lazy("also the repositories inside, for everyone listed")),
    ("groups", gettext_lazy("also the groups inside, for everyone listed")),
    ("all", gettext_lazy("everything inside, for everyone listed")),
]


@dataclass(frozen=True)
class Row:
    """One line: ``name`` of the form's field, who it is, the level as text, or ``-``."""

    name: str
    who: str
    note: str
    level: str
    fixed: bool = False  # everybody's grant can be lowered, not taken back


def context(on: Repository | RepositoryGroup, q: str) -> dict[str, Any]:
    """The grid of ``on``, with those whom the search for ``q`` finds as well. At most five queries."""
    users, groups = [], []
    given = on.grants.select_related("user", "user_group").order_by("user__username", "user_group__name")
    for grant in given:
        level = str(grant.level)
        if grant.user is not None:
            users.append(_of_user(grant.user, level))
        elif grant.user_group is not None:
            groups.append(_of_group(grant.user_group, level))
    users.sort(key=lambda row: not row.fixed)
    if word := q.replace("\0", "").strip():
        people = Q(username__icontains=word) | Q(email__icontains=word) | Q(firstname__icontains=word)
        people |= Q(lastname__icontains=word) | Q(pk__in=User.objects.filter(extra_emails__email__icontains=word))
        granted: Any = on.grants.order_by()
        found = User.objects.filter(people).exclude(pk__in=granted.exclude(user=None).values("user"))
        users += [_of_user(user, NOTHING) for user in found.exclude(pk=DEFAULT_USER_ID)[:FOUND]]
        more = UserGroup.objects.filter(name__icontains=word)
        more = more.exclude(pk__in=granted.exclude(user_group=None).values("user_group"))
        groups += [_of_group(group, NOTHING) for group in more[:FOUND]]
    return {"grids": [(_("Users"), users), (_("User groups"), groups)], "q": word, "levels": LEVELS}


def _of_user(user: User, level: str) -> Row:
    if user.is_default:
        return Row(f"user-{user.pk}", _("everybody"), user.username, level, fixed=True)
    return Row(f"user-{user.pk}", user.username, user.full_name if user.is_active else _("inactive"), level)


def _of_group(group: UserGroup, level: str) -> Row:
    return Row(f"group-{group.pk}", group.name, "" if group.is_active else _("inactive"), level)


def save(actor: Actor, on: Repository | RepositoryGroup, posted: Mapping[str, str]) -> int:
    """Do what was marked; how many grants changed.

    Raises:
        ValidationError: a mark is none of the grid's, or a user or user group is gone.
    """
    children = posted.get("children", "none")
    if children not in get_args(Children):
        raise ValidationError(_("There is no such choice."))
    marks = {name: value for name, value in posted.items() if name.startswith(("user-", "group-"))}
    levels = {}
    for model, prefix in ((User, "user-"), (UserGroup, "group-")):
        wanted = {name.removeprefix(prefix): value for name, value in marks.items() if name.startswith(prefix)}
        if not all(number.isdecimal() and value in dict(LEVELS) for number, value in wanted.items()):
            raise ValidationError(_("There is no such level."))
        found = model._default_manager.in_bulk([int(number) for number in wanted])
        if len(found) != len(wanted):
            raise ValidationError(_("A user or user group has been deleted meanwhile."))
        for number, value in wanted.items():
            levels[found[int(number)]] = None if value == NOTHING else Level(int(value))
    if levels.get(User(pk=DEFAULT_USER_ID), Level.NONE) is None:
        raise ValidationError(_("What everybody is granted can be set to none, but not removed."))
    return grants.change(actor=actor, on=on, levels=levels, apply_to_children=children)  # type: ignore[arg-type]
