"""From what a client sends to the object it means, or the error text that says it does not exist (CONTRACT D9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from accounts.actors import Actor
from accounts.models import User, UserGroup
from accounts.permissions import Level
from api.errors import ApiError
from repos.models import Repository, RepositoryGroup, lookup
from repos.models.lookup import LARGEST_NUMBER
from reviews.models import PullRequest

M = TypeVar("M", bound=Model)


def find(queryset: QuerySet[M], identifier: Any, name_field: str) -> M | None:
    """By number (an integer, or text of digits only: digits are always a number) or by exact name."""
    number = _number(identifier)
    if number is not None:
        return _only(queryset.filter(pk=number)) if 0 < number <= LARGEST_NUMBER else None
    return _only(queryset.filter(**{name_field: identifier})) if isinstance(identifier, str) else None


def _number(identifier: Any) -> int | None:
    """The number that an identifier is, 0 for one with too many digits; ``None`` for a name or nothing of use."""
    if isinstance(identifier, bool) or not isinstance(identifier, int | str):
        return None
    if isinstance(identifier, str) and not (identifier.isascii() and identifier.isdecimal()):
        return None
    return int(identifier) if len(str(identifier)) < 20 else 0


def _only(queryset: QuerySet[M]) -> M | None:
    """The one object, or ``None``. Nothing to sort, and half of Django's time for such a query goes into sorting."""
    return next(iter(queryset.order_by()), None)


def _found(found: M | None, what: str, identifier: Any) -> M:
    if found is None:
        raise ApiError(f"{what} `{identifier}` does not exist")
    return found


def user(userid: Any) -> User:
    """Any user of the site; who may ask is the method's business."""
    return _found(find(User.objects.all(), userid, "username"), "user", userid)


def account(actor: Actor, userid: Any = None) -> User:
    """The caller's own account, also when nothing is given; any user's for an administrator."""
    own = userid is None or is_own(actor, userid)
    if not own and not actor.is_admin:
        raise ApiError("userid is not the same as your user")
    return actor.user if own else user(userid)


def is_own(actor: Actor, userid: Any) -> bool:
    """Whether a number, in digits too, or a name means the caller."""
    if isinstance(userid, bool):
        return False
    return userid == actor.user.pk or (isinstance(userid, str) and userid in (str(actor.user.pk), actor.user.username))


def user_group(actor: Actor, usergroupid: Any, level: Level = Level.READ) -> UserGroup:
    groups = UserGroup.objects.all().visible_to(actor, level)
    return _found(find(groups, usergroupid, "name"), "user group", usergroupid)


def repository(
    actor: Actor, repoid: Any, level: Level = Level.READ, *related: str, only: Sequence[str] = ()
) -> Repository:
    """A repository on which the actor has at least ``level``: without the right it does not exist.

    ``related``: what to fetch with it, such as ``owner``. ``only``: the fields to fetch, all unless given.
    """
    number = _number(repoid)
    found: Repository | None = None
    if number is not None:
        found = lookup.by_number(actor, number, level, related=related, only=only)
    elif isinstance(repoid, str):
        found = lookup.by_names(actor, [repoid], level, related=related, only=only).get(repoid)
    return _found(found, "repository", repoid)


def repository_group(actor: Actor, repogroupid: Any, level: Level = Level.READ) -> RepositoryGroup:
    found = find(RepositoryGroup.objects.all().visible_to(actor, level), repogroupid, "name")
    return _found(found, "repository group", repogroupid)


def pull_request(actor: Actor, number: Any) -> PullRequest:
    """One whose source and target the actor may read: without the right it does not exist."""
    return _numbered(PullRequest.objects.all().visible_to(actor), number)


def pull_request_into(actor: Actor, number: Any, repoid: Any) -> PullRequest:
    """The same; where a repository is given it must be the target."""
    found = pull_request(actor, number)
    if repoid is not None and repository(actor, repoid).pk != found.target_id:
        raise ApiError(f"pull request `{number}` does not exist")
    return found


def any_pull_request(number: Any) -> PullRequest:
    """Also one that the caller may not see: for the method that says so (recorded)."""
    return _numbered(PullRequest.objects.all(), number)


def _numbered(rows: QuerySet[PullRequest], number: Any) -> PullRequest:
    single = number[0] if isinstance(number, list) and len(number) == 1 else number  # recorded: a list of one is taken
    is_number = not isinstance(single, str) or (single.isascii() and single.isdecimal())
    found = find(rows.select_related("owner", "origin", "target"), single, "pk") if is_number else None
    return _found(found, "pull request", number)
