"""Methods that make, show, change and delete repositories."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.actors import Actor
from accounts.models import JournalEntry, User
from accounts.permissions import FORK_REPOSITORY, Level
from api import lookups
from api.errors import ApiError
from api.language import described
from api.method import ApiNamespace, Id, JsonObject, RawJson
from api.paging import first, window
from api.serializers import journal_data
from api.serializers_repos import people_data, refs_data, repositories_data, repository_data
from api.serializers_reviews import pull_requests_into
from repos.models import Repository, RepositoryGroup
from repos.services import access, forks, pushes, repositories
from repos.services.errors import HasForks, NameTaken
from repos.services.repositories import KEEP, Landing

namespace = ApiNamespace()

ROWS = 500  # of a streamed list, encoded at once


@namespace.method(target=lookups.repository)
def get_repo(
    actor: Actor, repoid: Id, with_revision_names: bool = False, with_pullrequests: bool = False, *, site: str
) -> JsonObject:
    """Get a repository.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.
        with_revision_names: with ``tags``, ``branches`` and ``bookmarks`` (name to changeset).
        with_pullrequests: with ``pull_requests``: those into this repository, as in ``get_pullrequest``.

    Returns:
        ``repo_id``, ``repo_name``, ``repo_type`` (hg or git), ``clone_uri``, ``private``, ``created_on``,
        ``description``, ``landing_rev`` (type and name), ``owner``, ``fork_of`` (null when it is no fork or its parent
        is hidden), ``archived``, ``protected_branches`` (patterns), ``max_file_size`` (bytes or null),
        ``enable_statistics``, ``enable_downloads``, ``state``, ``last_changeset``, ``ex_...`` for each
        extra field; ``members``: ``name``, ``type`` (user or user_group) and ``permission`` with further fields of
        each; ``followers``: users as in ``get_user``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
    """
    repository = lookups.repository(actor, repoid, Level.READ, "owner", "fork_of")
    pushes.notice(repository)
    rules = repository.push_rules
    answer = repository_data(actor, repository) | {
        "archived": repository.is_archived,
        "protected_branches": list(rules.protected_branches),
        "max_file_size": rules.max_file_size,
    }
    if with_revision_names:
        answer |= refs_data(repository)
    if with_pullrequests:
        answer["pull_requests"] = pull_requests_into(actor, repository, site)
    return answer | people_data(actor, repository)


@namespace.method()
def get_repos(actor: Actor, page: int | None = None, per_page: int | None = None) -> RawJson:
    """List all repositories by name.

    Needs: read permission; others are left out.

    Args:
        page: with ``per_page``: which page of the answer, from 1.
        per_page: repositories on a page, 100 when only ``page`` is given.

    Returns:
        A list of repositories as in ``get_repo``, without members, followers and rules for pushes.
    """
    return RawJson(_encoded(repositories_data(actor, window(page, per_page))))


def _encoded(rows: Iterator[JsonObject]) -> Iterator[bytes]:
    """A JSON list in pieces of :data:`ROWS` elements."""
    piece: list[JsonObject] = []
    start = b"["
    for row in rows:
        piece.append(row)
        if len(piece) == ROWS:
            yield start + orjson.dumps(piece)[1:-1]
            piece, start = [], b","
    yield (start + orjson.dumps(piece)[1:-1] if piece else start.replace(b",", b"")) + b"]"


@namespace.method(failure="failed to create repository `{repo_name}`")
def create_repo(
    actor: Actor,
    repo_name: str,
    owner: Id = None,
    repo_type: str | None = None,
    description: str = "",
    private: bool = False,
    clone_uri: str | None = None,
    landing_rev: str = "rev:tip",
    enable_statistics: bool = False,
    enable_downloads: bool | None = None,
    copy_permissions: bool = False,
) -> JsonObject:
    """Create a repository, empty or as a copy of a remote one.

    A name with slashes is a path of repository groups, which must exist. With a background worker a copy is made
    later: ``get_jobs`` shows how far it is.

    Needs: the global permission hg.create.repository at the top, write permission on the repository group inside one.

    Args:
        repo_name: the whole path.
        owner: user name or number; the caller when not given. For administrators only.
        repo_type: hg or git; hg when not given.
        description: the last part of the name when empty.
        private: hidden from those without a permission of their own.
        clone_uri: URL of a repository to copy. For administrators only, unless the site allows it to everybody.
        landing_rev: what is shown first: type (rev, branch, tag, book) and name, such as ``branch:stable``; ``tip`` is
            ``rev:tip``.
        enable_statistics: show statistics.
        enable_downloads: offer archives; as the site says when not given.
        copy_permissions: with the permissions of its repository group.

    Returns:
        ``msg``; ``success``: true; ``repo``: the repository as in ``get_repos``.

    Raises:
        repo `x` already exist: the name is taken.
        repo group `g` not found: unknown, or no permission.
        no permission to create repo in g: write permission on it is missing.
        no permission to create top level repo: hg.create.repository is missing.
        Only Kallithea admin can specify `owner` param: not even yourself.
        user `x` does not exist: the owner.
        failed to create repository `x`: a value cannot be used, or the copy failed.
    """
    group, name = _place(actor, repo_name)
    try:
        repository = repositories.create(
            actor=actor,
            name=name,
            group=group,
            kind=repo_type or "hg",
            owner=_owner(actor, owner),
            described=described(description),
            is_private=private,
            clone_uri=clone_uri,
            landing=_new_landing(landing_rev),
            enable_statistics=enable_statistics,
            enable_downloads=enable_downloads,
            copy_permissions=copy_permissions,
        )
    except NameTaken as error:
        raise ApiError(f"repo `{repo_name}` already exist") from error
    created = f"Created new repository `{repo_name}`"
    return {"msg": created, "success": True, "repo": repository_data(actor, repository)}


def _place(actor: Actor, path: str) -> tuple[RepositoryGroup | None, str]:
    """The repository group in which ``path`` lies, and its last part."""
    parent, slash, name = path.rpartition("/")
    if not slash:
        return None, name
    group = RepositoryGroup.objects.filter(name=parent).visible_to(actor).first()
    if group is None:
        raise ApiError(f"repo group `{parent}` not found")
    return group, name


def _owner(actor: Actor, owner: Id) -> User | None:
    """The owner that was asked for. Of others than administrators the service refuses any, once they may create."""
    if owner is None:
        return None
    return lookups.user(owner) if actor.is_admin else actor.user


def _new_landing(text: str) -> Landing:
    """Where a repository is made the published default ``tip`` is ``rev:tip``; a change must be exact (recorded)."""
    return ("rev", "tip") if text == "tip" else _landing(text)


def _landing(text: str) -> Landing:
    kind, colon, name = text.partition(":")
    if not colon:
        raise ValidationError("landing_rev must be a type and a name, such as rev:tip")
    return kind, name


def _own(actor: Actor, repoid: Id) -> Repository:
    """A repository that the actor may change."""
    return lookups.repository(actor, repoid, Level.ADMIN)


@namespace.method(failure="failed to update repo `{repoid}`", target=_own)
def update_repo(
    actor: Actor,
    repoid: Id,
    name: str | None = None,
    owner: str | None = None,
    group: Id = None,
    description: str | None = None,
    private: bool | None = None,
    clone_uri: str | None = None,
    landing_rev: str | None = None,
    enable_statistics: bool | None = None,
    enable_downloads: bool | None = None,
    protected_branches: str | None = None,
    max_file_size: int | None = None,
    archived: bool | None = None,
) -> JsonObject:
    """Change a repository; what is not given stays as it is.

    Needs: admin permission on the repository; to have it at the top also hg.create.repository, to move it into a
    repository group write permission on that.

    Args:
        repoid: repository name or number.
        name: the new last part of its path.
        owner: user name. For administrators only.
        group: name or number of the repository group to move it to.
        description: any text.
        private: true also takes away what everybody was granted; false does not give it back.
        clone_uri: URL to pull from, empty for none.
        landing_rev: type and name, such as ``branch:stable``.
        enable_statistics: show statistics.
        enable_downloads: offer archives.
        protected_branches: patterns such as ``main release-*``: no push deletes or rewrites these. Empty for none.
        max_file_size: bytes; a push with a larger file is refused. 0 for any.
        archived: to read only: nothing is pushed, pulled or merged into it until it is false again.

    Returns:
        ``msg``; ``repository`` as in ``get_repos``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        repository group `g` does not exist: the new one.
        no permission to create (or move) top level repositories: hg.create.repository is missing.
        no permission to create (or move) repo in g: write permission on it is missing.
        Only Kallithea admin can specify `owner` param: not even yourself.
        failed to update repo `x`: a value cannot be used.
    """
    repository = _own(actor, repoid)
    if owner is not None and not actor.is_admin:
        raise PermissionDenied("Only Kallithea admin can specify `owner` param")
    new_owner = None if owner is None else User.objects.filter(username=owner).first()
    if owner is not None and new_owner is None:
        raise ValidationError(f"user `{owner}` does not exist")
    repositories.update(
        actor=actor,
        repository=repository,
        name=name,
        group=KEEP if group is None else lookups.repository_group(actor, group),
        owner=new_owner,
        described=described(description),
        is_private=private,
        clone_uri=clone_uri,
        landing=None if landing_rev is None else _landing(landing_rev),
        enable_statistics=enable_statistics,
        enable_downloads=enable_downloads,
        protected_branches=protected_branches,
        max_file_size=max_file_size,
        is_archived=archived,
    )
    updated = f"updated repo ID:{repository.pk} {repository.name}"
    return {"msg": updated, "repository": repository_data(actor, repository)}


@namespace.method(failure="failed to delete repository `{repoid}`")
def delete_repo(actor: Actor, repoid: Id, forks: str = "") -> JsonObject:
    """Delete a repository. Its folder stays on the server's disk under another name.

    Needs: admin permission on the repository.

    Args:
        repoid: repository name or number.
        forks: what happens to its forks: ``detach`` or ``delete`` (those of other users too).

    Returns:
        ``msg``; ``success``: true.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Cannot delete `x` it still contains attached forks: ``forks`` does not say what happens to them.
        failed to delete repository `x`: another reason.
    """
    repository = _own(actor, repoid)
    name, deleted = repository.name, f"Deleted repository `{repository.name}`"
    try:
        if forks == "detach":
            deleted += f" Detached {repositories.delete(actor=actor, repository=repository, forks='detach')} forks"
        elif forks == "delete":
            deleted += f" Deleted {repositories.delete(actor=actor, repository=repository, forks='delete')} forks"
        else:
            repositories.delete(actor=actor, repository=repository)
    except HasForks as error:
        raise ApiError(f"Cannot delete `{name}` it still contains attached forks") from error
    return {"msg": deleted, "success": True}


@namespace.method(failure="failed to fork repository `{repoid}` as `{fork_name}`", target=lookups.repository)
def fork_repo(
    actor: Actor,
    repoid: Id,
    fork_name: str,
    owner: Id = None,
    description: str = "",
    copy_permissions: bool = False,
    private: bool | None = None,
    landing_rev: str = "rev:tip",
) -> JsonObject:
    """Fork a repository. With a background worker the copy is made later: ``get_jobs`` shows how far it is.

    Needs: read permission on the repository, the global permission hg.fork.repository, and the right to create a
    repository there as in ``create_repo``.

    Args:
        repoid: name or number of the parent.
        fork_name: the whole path of the fork.
        owner: user name or number; the caller when not given. For administrators only.
        description: the last part of the name when empty.
        copy_permissions: with the permissions of the parent.
        private: as the parent when not given.
        landing_rev: type and name, such as ``branch:stable``; ``tip`` is ``rev:tip``.

    Returns:
        ``msg``; ``success``: true; ``fork``: the repository as in ``get_repos``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        fork `x` already exist: the name is taken by a fork.
        repo `x` already exist: the name is taken.
        repo group `g` not found: unknown, or no permission.
        no permission to create repo in g: write permission on it is missing.
        no permission to create top level repo: hg.create.repository is missing.
        no permission to fork repositories: hg.fork.repository is missing.
        Only Kallithea admin can specify `owner` param: not even yourself.
        user `x` does not exist: the owner.
        failed to fork repository `a` as `b`: a value cannot be used, or the copy failed.
    """
    parent = lookups.repository(actor, repoid)
    group, name = _place(actor, fork_name)
    if actor.may(FORK_REPOSITORY) and access.may_create_in(actor, group):
        _refuse_taken(fork_name)  # whatever else is wrong, such as the owner
    try:
        fork = forks.create(
            actor=actor,
            parent=parent,
            name=name,
            group=group,
            owner=_owner(actor, owner),
            described=described(description),
            is_private=private,
            landing=_new_landing(landing_rev),
            copy_permissions=copy_permissions,
        )
    except NameTaken:
        _refuse_taken(fork_name)
        raise ApiError(f"repo `{fork_name}` already exist") from None  # by a repository group
    created = f"Created fork of `{parent.name}` as `{fork_name}`"
    return {"msg": created, "success": True, "fork": repository_data(actor, fork)}


def _refuse_taken(name: str) -> None:
    taken = Repository.objects.filter(name=name).first()
    if taken is not None:
        raise ApiError(f"{'repo' if taken.fork_of_id is None else 'fork'} `{name}` already exist")


@namespace.method()
def get_repo_refs(actor: Actor, repoid: Id) -> JsonObject:
    """List the branches, tags and bookmarks of a repository.

    Needs: read permission on the repository.

    Args:
        repoid: repository name or number.

    Returns:
        ``branches``, ``branches_closed``, ``tags``, ``bookmarks``: each name to changeset.

    Raises:
        repository `x` does not exist: unknown, or no permission.
    """
    return refs_data(lookups.repository(actor, repoid))


@namespace.method()
def get_repo_audit_logs(actor: Actor, repoid: Id, limit: int = 100, before: int | None = None) -> list[JsonObject]:
    """What has been done to a repository, newest first.

    Needs: admin permission on the repository.

    Args:
        repoid: repository name or number.
        limit: how many entries, at most 1000.
        before: only entries older than the one with this number.

    Returns:
        A list of entries as in ``get_user_audit_logs``.

    Raises:
        repository `x` does not exist: unknown, or no permission.
    """
    repository = _own(actor, repoid)
    entries = JournalEntry.objects.filter(subject_type="repository", subject_id=repository.pk).order_by("-pk")
    if before is not None:
        entries = entries.filter(pk__lt=before)
    return [journal_data(entry) for entry in entries[first(limit)]]
