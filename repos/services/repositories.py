"""Making, changing and deleting repositories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import CREATE_REPOSITORY, DEFAULT_USER_ID, Level
from accounts.services import site
from repos import tasks
from repos.models import Follower, Job, Repository, RepositoryGrant, RepositoryGroup
from repos.services import access, changes, descriptions, jobs, names, pushes, storage
from repos.services.errors import HasForks, NameTaken
from repos.services.storage import Move
from repos.vcs import remote
from repos.vcs.backend import ProgressCallback, open_repository


class Keep(Enum):
    KEEP = 0


KEEP: Final = Keep.KEEP  # "leave it as it is", where None is a value

LONGEST_PATTERNS = 4000  # characters of all protected branches; every push is compared with each
LANDING_TYPES = ("rev", "branch", "tag", "book")
_LANDING_NAME = re.compile(r"[^\x00-\x1f\x7f:]{1,255}")

Landing = tuple[str, str]


def create(
    *,
    actor: Actor,
    name: str,
    group: RepositoryGroup | None = None,
    kind: str = Repository.Kind.HG,
    owner: User | None = None,
    description: str = "",
    described: Mapping[str, str] | None = None,
    is_private: bool = False,
    clone_uri: str | None = None,
    landing: Landing = ("rev", "tip"),
    enable_statistics: bool = False,
    enable_downloads: bool | None = None,
    copy_permissions: bool = False,
) -> Repository:
    """Make a repository, empty or (as a job) filled from ``clone_uri``.

    Args:
        name: the last part of its path.
        owner: somebody else than the actor; for administrators only.
        described: descriptions by language.
        enable_downloads: as the site says when not given.
        copy_permissions: with the grants of ``group``.

    Raises:
        PermissionDenied: the actor may not create here, or may not give an owner or a ``clone_uri``.
        ValidationError: a value is wrong; ``NameTaken``, ``InvalidName``.
        VcsError: without a background worker, when the clone failed; then nothing is left of it.
    """
    path = check_new(actor=actor, name=name, group=group, owner=owner)
    if kind not in Repository.Kind.values:
        raise ValidationError(_("The type must be hg or git."))
    if clone_uri:
        check_clone_uri(actor, clone_uri, kind)
    repository = Repository(
        name=path,
        group=group,
        kind=kind,
        owner=owner or actor.user,
        is_private=is_private,
        clone_uri=clone_uri,
        enable_statistics=enable_statistics,
        enable_downloads=site.current().enable_downloads if enable_downloads is None else enable_downloads,
    )
    descriptions.describe(repository, description or None, described, empty=name)
    set_landing(repository, landing)
    grants = _grants_of_group(group) if copy_permissions and group is not None else None
    if clone_uri:
        repository.state = Repository.State.PENDING
        with storage.moving(named=[group]):
            add(actor, repository, grants)
            job = jobs.create(actor, Job.Kind.CREATE, repository)
        jobs.start(job)
        repository.refresh_from_db()
        return repository
    with storage.staging() as staged:
        folder = storage.locate(staged)
        vcs = open_repository(kind, folder)
        vcs.create(folder)
        repository.vcs_state = repository.changesets_state = vcs.state()  # empty is known: what comes later is news
        with storage.moving(Move(staged, path), named=[group]):
            add(actor, repository, grants)
    return repository


def check_new(*, actor: Actor, name: str, group: RepositoryGroup | None, owner: User | None) -> str:
    """The path of a repository that the actor may make, or the error that says why not."""
    if not access.may_create_in(actor, group):
        where = f"repo in {group.name}" if group is not None else "top level repo"
        raise PermissionDenied(f"no permission to create {where}")
    if owner is not None and not actor.is_admin:
        raise PermissionDenied("Only Kallithea admin can specify `owner` param")
    path = names.full_name(group, name)
    names.check_free(path, Repository)
    return path


def check_clone_uri(actor: Actor, url: str, kind: str) -> None:
    """Whether the actor may have the server connect to ``url``, and it is a URL that the server connects to at all.

    Raises:
        PermissionDenied, RemoteError
    """
    if not access.may_clone_from_elsewhere(actor):
        raise PermissionDenied("Only Kallithea admin can specify `clone_uri` param")
    remote.check_url(url, kind)


def set_landing(repository: Repository, landing: Landing) -> None:
    kind, name = landing
    if kind not in LANDING_TYPES or not _LANDING_NAME.fullmatch(name):
        raise ValidationError(_("The landing revision must be a type and a name, such as rev:tip."), "landing")
    repository.landing_type, repository.landing_name = kind, name


def _grants_of_group(group: RepositoryGroup) -> list[RepositoryGrant]:
    return [
        RepositoryGrant(user_id=grant.user_id, user_group_id=grant.user_group_id, level=grant.level)
        for grant in group.grants.order_by("pk")
    ]


def add(
    actor: Actor,
    repository: Repository,
    grants: Sequence[RepositoryGrant] | None = None,
    action: str = "create_repository",
) -> None:
    """Store a new repository with its first grants, followed by its owner. Inside the caller's transaction.

    ``grants``: instead of what everybody gets by default.
    """
    if grants is None:
        grants = [RepositoryGrant(user_id=DEFAULT_USER_ID, level=access.default_level("repository"))]
    try:
        with transaction.atomic():
            repository.save(force_insert=True)
    except IntegrityError:
        raise NameTaken(_("The name `%(name)s` is taken.") % {"name": repository.name}) from None
    for grant in grants:
        grant.repository = repository
        if grant.user_id == DEFAULT_USER_ID and repository.is_private:
            grant.level = Level.NONE
    RepositoryGrant.objects.bulk_create(grants)
    Follower.objects.create(user=repository.owner, repository=repository)
    journal.record(actor, action, repository)


@tasks.runs(Job.Kind.CREATE)
def clone(job: Job, progress: ProgressCallback) -> None:
    """Fill a pending repository from its ``clone_uri``; it is gone again when that fails."""
    fill(
        job.repository, lambda repository, path: repository.vcs.clone_remote(repository.clone_uri or "", path, progress)
    )


def fill(repository: Repository | None, clone_to: Callable[[Repository, Path], None]) -> None:
    """Put what ``clone_to(repository, path)`` makes in the place of a pending repository."""
    if repository is None:
        return  # deleted
    if repository.state == Repository.State.PENDING:
        _place(repository, clone_to)
        repository.refresh_from_db()
    repository.vcs.optimise()
    changes.refresh(repository)


def _place(repository: Repository, clone_to: Callable[[Repository, Path], None]) -> None:
    pending = Repository.objects.filter(pk=repository.pk, state=Repository.State.PENDING)
    try:
        with storage.staging() as staged:
            clone_to(repository, storage.locate(staged))
            name = pending.values_list("name", flat=True).first() or repository.name  # its group may have moved
            with storage.moving(Move(staged, name)):
                if not pending.filter(name=name).update(state=Repository.State.CREATED):
                    raise ValidationError(_("The repository was renamed or deleted meanwhile."))
    except Exception:
        pending.delete()
        raise


def update(
    *,
    actor: Actor,
    repository: Repository,
    name: str | None = None,
    group: RepositoryGroup | Keep | None = KEEP,
    owner: User | None = None,
    description: str | None = None,
    described: Mapping[str, str] | None = None,
    is_private: bool | None = None,
    is_archived: bool | None = None,
    clone_uri: str | None = None,
    landing: Landing | None = None,
    enable_statistics: bool | None = None,
    enable_downloads: bool | None = None,
    protected_branches: str | None = None,
    max_file_size: int | None = None,
) -> Repository:
    """Change what is given; a new ``name`` (one part) or ``group`` moves the folder; ``described`` by language.

    ``protected_branches``: patterns with white space between them. ``max_file_size``: bytes, 0 for any.

    Making it private takes away what everybody was granted; making it public does not give it back (recorded).

    Raises:
        PermissionDenied, ValidationError (``NameTaken``, ``InvalidName``), RemoteError
    """
    access.require(actor, repository, Level.ADMIN)
    place = repository.group if group is KEEP else group
    _check_place(actor, repository, place)
    if owner is not None and not actor.is_admin:
        raise PermissionDenied("Only Kallithea admin can specify `owner` param")
    patterns = None if protected_branches is None else "\n".join(protected_branches.split())
    if len(patterns or "") > LONGEST_PATTERNS:
        raise ValidationError(_("The patterns may have up to %s characters.") % LONGEST_PATTERNS, "protected_branches")
    new: dict[str, Any] = {
        "owner": owner,
        "is_private": is_private,
        "is_archived": is_archived,
        "enable_statistics": enable_statistics,
        "enable_downloads": enable_downloads,
        "protected_branches": patterns,
    }
    changed = {key: value for key, value in new.items() if value is not None and getattr(repository, key) != value}
    if max_file_size is not None and (limit := max_file_size or None) != repository.max_file_size:
        if not 0 <= max_file_size < 1 << 63:
            raise ValidationError(_("The largest file must have a size that is not negative."), "max_file_size")
        changed["max_file_size"] = limit
    if place != repository.group:
        changed["group"] = place
    if clone_uri is not None and clone_uri != remote.scrub(repository.clone_uri or ""):
        if clone_uri:
            check_clone_uri(actor, clone_uri, repository.kind)
            remote.reach(clone_uri, repository.kind)
        changed["clone_uri"] = clone_uri
    elif clone_uri == "":
        changed["clone_uri"] = ""
    old_name = repository.name
    path = old_name
    if name is not None or "group" in changed:
        path = names.full_name(place, repository.base_name if name is None else name)
    for key, value in changed.items():
        setattr(repository, key, value)
    changed |= descriptions.describe(repository, description, described)
    if landing is not None and landing != repository.landing_rev:
        set_landing(repository, landing)
        changed |= {"landing_type": landing[0], "landing_name": landing[1]}
    if path != old_name:
        names.check_free(path, Repository, but=repository.pk)
        if repository.state == Repository.State.PENDING:
            raise ValidationError(_("The repository is still being made."))
        repository.vcs.close()
        changed["name"] = path
    moves = [Move(old_name, path)] if path != old_name else []
    with storage.moving(*moves, named=[repository, place]) if moves else transaction.atomic():
        repository.name = path
        repository.save(update_fields=_columns(changed))
        if is_private:
            everybody = RepositoryGrant.objects.filter(repository=repository, user_id=DEFAULT_USER_ID)
            everybody.update(level=Level.NONE)
        if changed:
            journal.record(actor, "update_repository", repository, **_told(changed, old_name))
    return repository


def _columns(changed: Iterable[str]) -> list[str]:
    """What to save: the translated columns of a description too."""
    columns = set(changed)
    if not columns.isdisjoint(descriptions.COLUMNS):
        columns |= set(descriptions.COLUMNS)
    return sorted(columns)


def _told(changed: dict[str, Any], old_name: str) -> dict[str, Any]:
    """Changes for the journal: names and plain values, never a credential."""
    told = {key: value if isinstance(value, bool | None) else str(value) for key, value in changed.items()}
    if "clone_uri" in told:
        told["clone_uri"] = remote.scrub(changed["clone_uri"])
    if "name" in told:
        told["old_name"] = old_name
    return told


def _check_place(actor: Actor, repository: Repository, place: RepositoryGroup | None) -> None:
    """Who may have a repository there. At the top it takes the right to create, even to change it only (recorded)."""
    moves = (place.pk if place is not None else None) != repository.group_id
    if place is None:
        # A key that is bound to this repository may change it, but not bring it here.
        if not (access.may_create_in(actor, None) if moves else actor.holds(CREATE_REPOSITORY)):
            raise PermissionDenied("no permission to create (or move) top level repositories")
    elif moves and not access.may_create_in(actor, place):
        raise PermissionDenied(f"no permission to create (or move) repo in {place.name}")


def delete(*, actor: Actor, repository: Repository, forks: Literal["detach", "delete"] | None = None) -> int:
    """Delete a repository (as a job), and wait for its end; its folder is kept under another name beside it.

    Args:
        forks: what happens to its forks; those of others are deleted too (with the forks of forks).

    Returns:
        How many forks were detached or deleted.

    Raises:
        PermissionDenied, HasForks
        VcsError: it failed (``JobFailed`` where a worker did it).
    """
    access.require(actor, repository, Level.ADMIN)
    count = repository.forks.count()
    if count and forks is None:
        raise HasForks(f"Cannot delete `{repository.name}` it still contains attached forks")
    doomed = [repository]
    if forks == "delete":
        for parent in doomed:  # grows while it is walked
            doomed += parent.forks.all()
        count = len(doomed) - 1
    jobs.finish(jobs.create(actor, Job.Kind.DELETE, repository, repositories=[found.pk for found in doomed]))
    return count


@tasks.runs(Job.Kind.DELETE)
def remove(job: Job, progress: ProgressCallback) -> None:
    """Delete rows and move folders away, where there are any (any more)."""
    actor = jobs.actor_of(job)
    doomed = list(Repository.objects.filter(pk__in=job.arguments["repositories"]).order_by("pk"))
    for repository in doomed:
        repository.vcs.close()
    moves = [Move(found.name, storage.trash_name(found.name), if_there=True) for found in doomed]
    with storage.moving(*moves, named=doomed):
        for repository in reversed(doomed):
            journal.record(actor, "delete_repository", repository)
            repository.delete()


def invalidate_cache(*, actor: Actor, repository: Repository) -> None:
    """Forget what is known of a repository and read it again.

    Raises:
        PermissionDenied, VcsError
    """
    access.require(actor, repository, Level.WRITE)
    repository.vcs.close()
    pushes.catch_up(repository)
    journal.record(actor, "invalidate_cache", repository)
