"""Repositories by what a request calls them: the question that opens almost every request, composed once per rights."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from accounts.actors import ANY_BOUND, ANY_USER, Actor, Rights
from accounts.permissions import Level
from accounts.prepared import Prepared
from repos.models.repositories import Repository, RepositoryQuerySet

LARGEST_NUMBER = 2**63 - 1
LONGEST_NAME = 255

_ANY_NUMBER = -1003


def by_number(
    actor: Actor, number: int, level: int = Level.READ, *, related: Sequence[str] = (), only: Sequence[str] = ()
) -> Repository | None:
    """The repository on which ``actor`` has at least ``level``, with its resolved ``level``. One query.

    ``related``: what to fetch with it, such as ``owner``. ``only``: the fields to fetch, all unless given.
    """
    if not 0 < number <= LARGEST_NUMBER:
        return None
    prepared = _prepared(actor.rights, level, 0, tuple(related), tuple(only))
    return next(iter(prepared.run(*actor.numbers, number)), None)


def by_names(
    actor: Actor,
    names: Sequence[str],
    level: int = Level.READ,
    *,
    related: Sequence[str] = (),
    only: Sequence[str] = (),
) -> dict[str, Repository]:
    """Those of ``names`` that are such repositories. One query, or none where nothing given can be a name."""
    names = [name for name in names if name and len(name) <= LONGEST_NAME and is_storable(name)]
    if not names:
        return {}
    places = 1 << (len(names) - 1).bit_length()  # few statements for any number of names
    prepared = _prepared(actor.rights, level, places, tuple(related), tuple(only))
    found = prepared.run(*actor.numbers, *names, *[names[-1]] * (places - len(names)))
    return {repository.name: repository for repository in found}


def is_storable(text: str) -> bool:
    """Whether a database can hold it: PostgreSQL takes no NUL, and nothing takes half a character."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


@functools.cache
def _prepared(
    rights: Rights, level: int, names: int, related: tuple[str, ...], only: tuple[str, ...]
) -> Prepared[Repository]:
    actor = rights.stand_in()
    repositories = RepositoryQuerySet.plain().visible_to(actor, level).with_level(actor).order_by()
    if related:
        repositories = repositories.select_related(*related)
    if only:
        repositories = repositories.only(*only)
    any_name = [f"\0{number}" for number in range(names)]  # like no name
    sought = repositories.filter(name__in=any_name) if names else repositories.filter(pk=_ANY_NUMBER)
    places: list[int | str] = [ANY_USER, ANY_BOUND]
    return Prepared(sought, [*places, *any_name] if names else [*places, _ANY_NUMBER])
