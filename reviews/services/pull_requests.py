"""Pull requests from opening to closing; merging has a module of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import Level
from accounts.services.checks import require_voice
from repos.models import Repository
from repos.services import access
from repos.vcs.types import MergePreview
from reviews import notifications
from reviews.models import Comment, Iteration, PullRequest, Reviewer, VoteStatus
from reviews.permissions import has_level, is_manager
from reviews.services import iterations, votes
from reviews.services.comments import change, lock_open, require_part
from reviews.services.locks import repository_lock
from reviews.services.references import Reference, parse, resolve

MOST_CHANGESETS = 2000  # every vote is a row for each


@dataclass(frozen=True)
class Preview:
    """What a pull request between two references would hold."""

    origin: Reference
    target: Reference
    ancestor_id: str
    revisions: Sequence[str]  # oldest first


def preview(*, origin: Repository, origin_ref: str, target: Repository, target_ref: str) -> Preview:
    """Compare two references (``branch:NAME[:HASH]``, ``tag:NAME``, ``book:NAME``, ``rev:HASH``; the target a
    branch).

    Raises:
        ValidationError: different kinds, unknown references, unrelated repositories, nothing to review or too much,
            or the target is archived.
    """
    target_type, target_name, target_id = parse(target_ref)
    if target_type != "branch":
        raise ValidationError(_("the target of a pull request must be a branch"))
    return _look(origin, parse(origin_ref), target, (target_type, target_name, target_id))


def _look(
    origin: Repository,
    origin_ref: tuple[str, str, str | None],
    target: Repository,
    target_ref: tuple[str, str, str | None],
) -> Preview:
    access.require_not_archived(target)
    if origin.kind != target.kind:
        raise ValidationError(_("a pull request cannot go from %s to %s") % (origin.kind, target.kind))
    from_ref, into_ref = resolve(origin, *origin_ref), resolve(target, *target_ref)
    found = conflicts(origin, from_ref.raw_id, target, into_ref.raw_id, quick=True)
    if found.ancestor is None:
        raise ValidationError(_("the repositories are unrelated: they have no changeset in common"))
    revisions = target.vcs.missing(origin.path, from_ref.raw_id, into_ref.raw_id)
    if not revisions:
        raise ValidationError(_("there is nothing to review: the target has all changesets of the source"))
    if len(revisions) > MOST_CHANGESETS:
        raise ValidationError(_("a pull request may have up to %s changesets") % MOST_CHANGESETS)
    return Preview(from_ref, into_ref, found.ancestor, revisions)


def conflicts(
    origin: Repository, origin_id: str, target: Repository, target_id: str, *, quick: bool = False
) -> MergePreview:
    """What merging would do, from the tool. ``quick``: the ancestor only, where it can be had for less."""
    if quick and origin.pk == target.pk:
        ancestor = target.vcs.common_ancestor(origin_id, target_id)
        return MergePreview(ancestor=ancestor, fast_forward=ancestor == target_id)
    return target.vcs.merge_preview(origin.path, origin_id, target_id)


def open_pull_request(
    *,
    actor: Actor,
    owner: User | None = None,
    origin: Repository,
    origin_ref: str,
    target: Repository,
    target_ref: str,
    title: str = "",
    description: str = "",
    reviewers: Collection[User] = (),
) -> PullRequest:
    """Ask for ``origin_ref`` of ``origin`` to be merged into the branch ``target_ref`` of ``target``.

    It starts with an empty comment of its owner and the status "under review" for every changeset. Only an
    administrator may name another ``owner``.

    Raises:
        PermissionDenied: a repository may not be read, or another owner is named.
        ValidationError: see :func:`preview`; also a title that is too long or a reviewer who cannot be one.
    """
    require_voice(actor)
    owner = owner or actor.user
    if owner.pk != actor.user.pk and not actor.is_admin:
        raise PermissionDenied(_("Only an administrator may open a pull request for somebody else."))
    for repository in (origin, target):
        if not has_level(actor, repository, Level.READ):
            raise PermissionDenied(_("repository `%s` does not exist") % repository.name)
    seen = preview(origin=origin, origin_ref=origin_ref, target=target, target_ref=target_ref)
    title = _title(title) or f"{seen.origin.name} → {target.name} {seen.target.name}"[:255]
    _require_people(reviewers)
    iterations.keep(origin, target, seen.origin.raw_id, seen.target.raw_id)
    with transaction.atomic():
        pull_request = PullRequest.objects.create(
            title=title,
            description=description.strip(),
            owner=owner,
            origin=origin,
            origin_type=seen.origin.type,
            origin_name=seen.origin.name,
            target=target,
            target_type=seen.target.type,
            target_name=seen.target.name,
        )
        PullRequest.objects.filter(pk=pull_request.pk).update(updated_on=pull_request.created_on)
        Reviewer.objects.bulk_create(Reviewer(pull_request=pull_request, user=user) for user in _once(reviewers))
        _add_iteration(pull_request, 1, seen, owner, "")
        journal.record(actor, "open_pull_request", pull_request, repository_id=target.pk)
        notifications.announce("opened", pull_request, actor)
    return pull_request


def _add_iteration(pull_request: PullRequest, number: int, seen: Preview, author: User, text: str) -> Comment:
    iteration = Iteration.objects.create(
        pull_request=pull_request,
        number=number,
        origin_raw_id=seen.origin.raw_id,
        target_raw_id=seen.target.raw_id,
        ancestor_raw_id=seen.ancestor_id,
        revisions=list(seen.revisions),
        author=author,
    )
    comment = Comment.objects.create(pull_request=pull_request, iteration=iteration, author=author, text=text)
    votes.cast(pull_request, iteration, author, VoteStatus.UNDER_REVIEW, comment)
    return comment


def update(*, actor: Actor, pull_request: PullRequest, text: str = "", raw_id: str | None = None) -> Iteration:
    """Take the source as it is now (or at ``raw_id`` of it) as a new iteration; earlier ones stay.

    Raises:
        PermissionDenied: neither owner nor administrator, or a repository may not be read any more.
        ValidationError: closed, nothing has changed, the reference is gone, nothing is left to review.
    """
    _require_manager(actor, pull_request)
    with repository_lock(pull_request.target):
        current = PullRequest.objects.select_related("origin", "target").get(pk=pull_request.pk)
        origin, target = current.origin, current.target
        if not current.is_open:
            raise ValidationError(_("pull request is already closed"))
        seen = _look(
            origin,
            (current.origin_type, current.origin_name, raw_id),
            target,
            (current.target_type, current.target_name, None),
        )
        newest = current.current
        if (seen.origin.raw_id, list(seen.revisions)) == (newest.origin_raw_id, newest.revisions):
            raise ValidationError(_("nothing has changed since iteration %s") % newest.number)
        iterations.keep(origin, target, seen.origin.raw_id, seen.target.raw_id)
        with transaction.atomic():
            locked = lock_open(current)
            change(locked, iteration_number=locked.iteration_number + 1, moved_to="")
            comment = _add_iteration(locked, locked.iteration_number, seen, actor.user, text)
            journal.record(
                actor, "update_pull_request", locked, repository_id=target.pk, iteration=locked.iteration_number
            )
            notifications.announce("updated", locked, actor, comment)
    pull_request.refresh_from_db()
    return pull_request.current


def edit(
    *, actor: Actor, pull_request: PullRequest, title: str | None = None, description: str | None = None
) -> PullRequest:
    """Change the words of an open pull request; what is not given stays."""
    _require_manager(actor, pull_request)
    fields: dict[str, object] = {}
    if title is not None:
        if not title.strip():
            raise ValidationError(_("A pull request needs a title."))
        fields["title"] = _title(title)
    if description is not None:
        fields["description"] = description.strip()
    with transaction.atomic():
        current = lock_open(pull_request)
        before = current.description
        change(current, **fields)
        notifications.announce_mentions(before, current.description, actor, pull_request=current)
        journal.record(actor, "edit_pull_request", current, repository_id=current.target_id, fields=sorted(fields))
    return current


@dataclass(frozen=True)
class ReviewersChange:
    added: list[User]
    already_present: list[User]
    removed: list[User]


def edit_reviewers(
    *, actor: Actor, pull_request: PullRequest, add: Collection[User] = (), remove: Collection[User] = ()
) -> ReviewersChange:
    """Ask people for a vote, or not any more. Removing somebody who is none is no error."""
    _require_manager(actor, pull_request)
    _require_people(add)
    with transaction.atomic():
        current = lock_open(pull_request)
        present = {row.user_id for row in current.reviewer_rows.all()}
        added = [user for user in _once(add) if user.pk not in present]
        Reviewer.objects.bulk_create(Reviewer(pull_request=current, user=user) for user in added)
        current.reviewer_rows.filter(user__in=remove).delete()
        change(current)
        names = {"added": [user.username for user in added], "removed": [user.username for user in remove]}
        journal.record(actor, "edit_reviewers", current, repository_id=current.target_id, **names)
        if added:
            notifications.announce("asked", current, actor, people=added)
    return ReviewersChange(added, [user for user in _once(add) if user.pk in present], list(_once(remove)))


def _require_manager(actor: Actor, pull_request: PullRequest) -> None:
    require_part(actor, pull_request)
    if not is_manager(actor, pull_request):
        raise PermissionDenied(_("Only the owner or an administrator may change a pull request."))


def _title(title: str) -> str:
    title = " ".join(title.split())
    if len(title) > 255:
        raise ValidationError(_("A title may have up to 255 characters."))
    return title


def _once(people: Collection[User]) -> list[User]:
    return list({user.pk: user for user in people}.values())


def _require_people(people: Collection[User]) -> None:
    for user in people:
        if user.is_default or not user.is_active:
            raise ValidationError(_("user `%s` cannot be a reviewer") % user.username)
