"""What a push sets off, once and whoever pushed: over HTTP, by a pull, a merge of ours, or on the disk behind our back.

A push over HTTP knows what it brought (the tool's hook says so), everything else is compared with the rows that say
which changesets a repository has. A changeset and its line in the journal are written in one transaction, so a server
that is killed in between leaves what the next read finds, and nothing is written down twice.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction

from accounts import journal
from accounts.actors import Actor
from repos.models import Repository
from repos.services import changes, changesets
from repos.vcs.backend import Repository as VcsRepository
from repos.vcs.errors import RepositoryNotFound, VcsError
from repos.vcs.push_rules import PushResult
from repos.vcs.types import RefUpdate

logger = logging.getLogger(__name__)

MAX_LISTED = 5000  # hashes that one journal entry holds
MAX_STORED = 500  # changesets stored at once with their files; of a larger push each is stored when first read

#: ``(repository, actor, pushed)``; what further apps do after a push, where nobody knows who pushed without an actor.
#: They register themselves when they are loaded.
Listener = Callable[[Repository, Actor | None, PushResult], None]
listeners: list[Listener] = []

Found = TypeVar("Found")

_care = ThreadPoolExecutor(max_workers=1, thread_name_prefix="optimise")


class Arrival:
    """What the block of :func:`arriving` brought. ``None``: it does not know, the tool has to be asked."""

    pushed: PushResult | None = None


@contextmanager
def arriving(*, repository: Repository, actor: Actor | None, action: str = "push", **data: Any) -> Iterator[Arrival]:
    """Bring changesets in; at the end of the block they are written down as ``actor``'s, and the rest is set off.

    The push has happened then, so a failure in one step is logged and keeps no other step from its work. ``action``
    and ``data`` are the journal's; an action that is no push has its entry even if it brought nothing.
    """
    notice(repository)
    arrival = Arrival()
    with _lock(repository, fcntl.LOCK_SH):
        yield arrival
        pushed = arrival.pushed
        if pushed is None:
            found = _attempt(_compare, repository, actor, action, data)
        else:
            _attempt(_write, repository, actor, action, pushed, data)
    if pushed is not None:
        found = _attempt(_look, repository, actor, action, data)
    pushed = pushed or found or PushResult()
    if action != "push" and not (pushed.refs or pushed.changesets):
        _record(repository, actor, action, pushed, data)
    if pushed:
        _tell(repository, actor, pushed)


def notice(repository: Repository) -> None:
    """Catch up with a repository that changed behind the server's back; costs no process where it did not.

    A repository that cannot be read keeps what was known of it.
    """
    try:
        if repository.state == Repository.State.CREATED and repository.vcs.state() != repository.vcs_state:
            catch_up(repository)
    except RepositoryNotFound:
        pass
    except VcsError as error:
        logger.warning("cannot read repository %s: %s", repository.name, error)


def catch_up(repository: Repository) -> None:
    """Like :func:`notice`, whatever is known.

    Raises:
        VcsError: it cannot be read.
    """
    was_known = repository.vcs_state != ""
    found = _look(repository, None, "push", {})
    if was_known and found is not None:
        _tell(repository, None, found)


# -- steps ---------------------------------------------------------------------------------------------------------


def _write(repository: Repository, actor: Actor | None, action: str, pushed: PushResult, data: dict[str, Any]) -> None:
    """Write down what is known to have come."""
    if not pushed:
        return
    new = pushed.changesets
    try:
        for _ in changesets.read(repository, new[:-MAX_STORED]):
            pass
        for _ in changesets.read(repository, new[-MAX_STORED:], with_files=True):
            pass
    except VcsError as error:  # pushed away again meanwhile
        logger.info("changesets of %s were not stored: %s", repository.name, error)
    with transaction.atomic():
        changesets.add(repository, new)
        _record(repository, actor, action, pushed, data)


def _look(repository: Repository, actor: Actor | None, action: str, data: dict[str, Any]) -> PushResult | None:
    """Find what nobody has written down. While somebody else is pushing, only the newest changeset is looked at
    (``None``): the rest is theirs."""
    with _lock(repository, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
        if is_alone:
            return _compare(repository, actor, action, data)
        changes.show_newest(repository)
        return None


def _compare(repository: Repository, actor: Actor | None, action: str, data: dict[str, Any]) -> PushResult:
    """Write down what the tool lists and the database does not know, and the reverse."""
    found = PushResult()

    def write(came: Sequence[str], went: Sequence[str]) -> None:
        nonlocal found
        found = PushResult((), tuple(came), tuple(went))
        if came:
            _record(repository, actor, action, found, data)

    changes.refresh(repository, write)
    return found


def _tell(repository: Repository, actor: Actor | None, pushed: PushResult) -> None:
    for listener in listeners:
        _attempt(listener, repository, actor, pushed)
    vcs = repository.vcs
    if vcs.wants_care():
        _care.submit(_optimise, vcs)


def _optimise(vcs: VcsRepository) -> None:
    """Nobody waits for it. It needs no database, so it may happen in any process."""
    try:
        if vcs.wants_care():  # else somebody was faster
            vcs.optimise()
    except VcsError as error:
        logger.warning("%s was not optimised: %s", vcs.path.name, error)


def _attempt(step: Callable[..., Found], repository: Repository, *rest: Any) -> Found | None:
    try:
        return step(repository, *rest)
    except Exception:
        logger.exception("after a push to %s", repository.name)
        return None


def _record(repository: Repository, actor: Actor | None, action: str, pushed: PushResult, data: dict[str, Any]) -> None:
    journal.record(
        actor,
        action,
        repository,
        changesets=list(pushed.changesets[-MAX_LISTED:]),
        count=len(pushed.changesets),
        refs=[_plain(update) for update in pushed.refs[:MAX_LISTED]],
        **({"hidden": list(pushed.hidden[-MAX_LISTED:])} if pushed.hidden else {}),
        **data,
    )


def _plain(update: RefUpdate) -> dict[str, str | None]:
    return {"type": update.type, "name": changesets.printable(update.name), "old": update.old, "new": update.new}


@contextmanager
def _lock(repository: Repository, how: int) -> Iterator[bool]:
    """Every push holds a shared lock, a look at all of the repository an exclusive one; whether it was to be had."""
    folder = Path(settings.KALLITHEA_HOME) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"push-{repository.pk}").open("a") as file:
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            yield False
        else:
            yield True
