"""Finding repositories that were put below the root by hand, and those that were taken away."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import DEFAULT_USER_ID
from repos import locks, tasks
from repos.models import Job, Repository, RepositoryGroup
from repos.services import access, jobs, names, pushes, repositories, repository_groups, storage
from repos.services.errors import NameTaken
from repos.vcs.backend import ProgressCallback
from repos.vcs.own import is_own_throughout
from repos.vcs.types import Kind

logger = logging.getLogger(__name__)

LONGEST_DESCRIPTION = 4096  # bytes read of Git's description file


@dataclass
class Found:
    """Names that a rescan added, and that are in the database but no longer on disk."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def rescan(*, actor: Actor, remove_obsolete: bool = False) -> Found:
    """Look through the whole root (as a job), and wait for what was found.

    Args:
        remove_obsolete: delete what has no folder any more from the database; its forks are detached.

    Raises:
        PermissionDenied: for administrators only.
        VcsError: it failed (``JobFailed`` where a worker did it).
    """
    access.require_admin(actor)
    jobs.resume()
    return Found(**jobs.finish(jobs.create(actor, Job.Kind.RESCAN, remove_obsolete=remove_obsolete)))


@tasks.runs(Job.Kind.RESCAN)
def run(job: Job, progress: ProgressCallback) -> dict[str, list[str]]:
    """Compare disk and database; nothing in a repository is run or believed to do so."""
    actor = jobs.actor_of(job) or Actor(_first_admin())
    owner = _first_admin()
    on_disk = dict(walk(storage.root()))
    known = {repository.name: repository for repository in Repository.objects.all()}
    groups = set(RepositoryGroup.objects.values_list("name", flat=True))
    added, removed = [], []
    # The disk is asked once more, now that nobody can move anything; the lock is short, so nobody waits for long.
    for name in sorted(on_disk.keys() - known.keys() - groups):
        if not _is_own(name, on_disk[name]):
            logger.warning("passed over %r: it has links or alternates that lead elsewhere", name)
            continue
        with suppress(NameTaken), storage.lock(), transaction.atomic():
            if _is_addable(name, known):
                added.append(_add(actor, name, on_disk[name], owner))
    settled = {name for name, row in known.items() if row.state != Repository.State.PENDING}
    for name in sorted(settled - on_disk.keys()):
        with storage.lock(), transaction.atomic():
            gone = Repository.objects.filter(name=name, pk=known[name].pk).first()
            if gone is None or is_there(name):
                continue
            removed.append(name)
            if job.arguments.get("remove_obsolete"):
                journal.record(actor, "delete_repository", gone)
                gone.delete()
    present = [*added, *(known[name] for name in sorted(settled & on_disk.keys()))]
    for number, repository in enumerate(present, 1):
        progress(f"{number} of {len(present)}: {repository.name}")
        pushes.notice(repository)
    return {"added": [repository.name for repository in added], "removed": removed}


def walk(root: Path, prefix: str = "") -> Iterator[tuple[str, Kind]]:
    """Every repository below ``root`` by name. One look into each folder; no link is followed, nothing deleted found.

    Names that no repository may have, and what lies inside a repository, are passed over.
    """
    folders = [(os.fspath(root), prefix)]
    while folders:
        path, prefix = folders.pop()
        try:
            with os.scandir(path) as entries:
                inside = {entry.name: entry for entry in entries}
        except OSError:
            continue
        if prefix and (kind := _kind(inside)) is not None:
            if names.is_valid(prefix):
                yield prefix, kind
            continue
        folders += [
            (entry.path, f"{prefix}/{name}" if prefix else name)
            for name, entry in inside.items()
            if not name.startswith(names.TRASH_PREFIX) and name != locks.STAGING and _is_folder(entry)
        ]


def _is_folder(entry: os.DirEntry[str] | None) -> bool:
    return entry is not None and entry.is_dir(follow_symlinks=False)


def _kind(inside: dict[str, os.DirEntry[str]]) -> Kind | None:
    if _is_folder(inside.get(".hg")):
        return Kind.HG
    head = inside.get("HEAD")
    if head is not None and head.is_file(follow_symlinks=False):
        return Kind.GIT if _is_folder(inside.get("objects")) and _is_folder(inside.get("refs")) else None
    return None


def is_there(name: str) -> bool:
    try:
        return storage.exists(name)
    except storage.StorageError:
        return False


def _is_own(name: str, kind: Kind) -> bool:
    try:
        return is_own_throughout(kind, storage.locate(name))
    except (OSError, storage.StorageError):
        return False


def _is_addable(name: str, known: Mapping[str, Repository]) -> bool:
    """Still there, and in no folder that the database takes for a repository."""
    parents = name.split("/")[:-1]
    return is_there(name) and not any("/".join(parents[:depth]) in known for depth in range(1, len(parents) + 1))


def _add(actor: Actor, name: str, kind: Kind, owner: User) -> Repository:
    parent = name.rpartition("/")[0]
    repository = Repository(
        name=name,
        group=_group(actor, parent, owner) if parent else None,
        kind=kind,
        owner=owner,
        description=_description(name, kind),
    )
    repositories.add(actor, repository, action="find_repository")
    return repository


def _group(actor: Actor, name: str, owner: User) -> RepositoryGroup:
    """The repository group of a folder, made where it is missing, with those around it."""
    group = RepositoryGroup.objects.filter(name=name).first()
    if group is None:
        parent = name.rpartition("/")[0]
        group = RepositoryGroup(
            name=name,
            parent=_group(actor, parent, owner) if parent else None,
            owner=owner,
            description=f"{name} group",
        )
        repository_groups.add(actor, group)
    return group


def _first_admin() -> User:
    return User.objects.filter(is_admin=True, is_active=True).exclude(pk=DEFAULT_USER_ID).order_by("pk")[:1].get()


def _description(name: str, kind: Kind) -> str:
    """What Git's own file says; that is all a repository is asked here."""
    if kind is Kind.GIT:
        try:
            descriptor = os.open(storage.locate(name) / "description", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:
                text = file.read(LONGEST_DESCRIPTION).decode("utf-8", "replace").replace("\0", "")
        except OSError:
            text = ""
        if text:
            return text
    return f"{name} repository"
