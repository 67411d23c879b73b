"""Merging a pull request, by the server, in the target repository."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from repos.services import access, pushes
from repos.services.changesets import printable
from repos.vcs.errors import MergeConflict, VcsError
from repos.vcs.push_rules import too_large
from repos.vcs.types import Signature
from reviews import notifications
from reviews.models import PullRequest
from reviews.permissions import may_merge
from reviews.services import policies, votes
from reviews.services.comments import change, lock_open, require_part
from reviews.services.iterations import holder
from reviews.services.locks import repository_lock
from reviews.services.references import resolve


@dataclass(frozen=True)
class Outlook:
    """Whether a pull request could be merged now. ``problem`` is for people and empty when it could."""

    problem: str = ""
    conflicts: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        return not self.problem


def outlook(*, actor: Actor, pull_request: PullRequest) -> Outlook:
    """Everything that stands between a pull request and its merge, conflicts included; changes nothing."""
    problem, conflicts = "", tuple[str, ...]()
    for step in (_require_ready, _require_no_conflict):  # conflicts are for the owner to know, whoever may merge
        try:
            step(actor, pull_request)
        except MergeConflict as error:
            problem, conflicts = problem or str(error), error.paths
        except ValidationError as error:
            problem = problem or " ".join(error.messages)
        except (PermissionDenied, VcsError) as error:  # also when the branch or the changesets are gone
            problem = problem or str(error)
    return Outlook(problem, conflicts)


def merge(*, actor: Actor, pull_request: PullRequest, message: str = "", iteration: int | None = None) -> str:
    """Merge the newest iteration (which must be number ``iteration`` where given) into the target branch.

    What was reviewed is merged, wherever the source reference is by now. A run that was cut off after the tool had
    merged is completed by the next one: the target has everything then. The raw_id the branch is at afterwards.

    Raises:
        PermissionDenied: no write permission on the target, or not approved where that is needed.
        ValidationError: closed, another iteration has come, the target is archived, or a file is larger than it takes.
        MergeConflict: a person must resolve it; nothing has changed.
        RefMoved: somebody pushed to the branch at the same moment; nothing has changed.
    """
    require_part(actor, pull_request)
    _require_write(actor, pull_request)
    # The lock ends before what follows a push begins: that settles other pull requests and takes it for itself.
    with pushes.arriving(repository=pull_request.target, actor=actor), repository_lock(pull_request.target):
        current = PullRequest.objects.select_related("origin", "target", "owner").get(pk=pull_request.pk)
        target_id = _require_ready(actor, current)
        if iteration is not None and iteration != current.iteration_number:
            raise ValidationError(_("There is a newer iteration, please look at it first."))
        newest = current.current
        raw_id = current.target.vcs.merge(
            holder(current, newest).path,
            newest.origin_raw_id,
            target_branch=current.target_name,
            target_id=target_id,
            message=message.strip() or _message(current),
            author=signature(actor),
            allow_fast_forward=policies.of(current.target).fast_forward,
        )
        set_merged(current, raw_id, actor)
    return raw_id


def _require_write(actor: Actor, pull_request: PullRequest) -> None:
    if not may_merge(actor, pull_request):
        raise PermissionDenied(_("Merging needs write permission on the target repository."))


def _require_no_conflict(_actor: Actor, pull_request: PullRequest) -> None:
    if not pull_request.is_open:
        return
    iteration, target = pull_request.current, pull_request.target
    tip = resolve(target, "branch", pull_request.target_name).raw_id
    source = holder(pull_request, iteration)
    if paths := target.vcs.merge_preview(source.path, iteration.origin_raw_id, tip).conflicts:
        raise MergeConflict(paths)


def _require_ready(actor: Actor, pull_request: PullRequest) -> str:
    """All that can be required without trying. The raw_id that the target branch is at."""
    if not pull_request.is_open:
        raise ValidationError(_("pull request is already closed"))
    _require_write(actor, pull_request)
    target = pull_request.target
    access.require_not_archived(target)
    if policies.of(target).needs_approval and not votes.is_mergeable(pull_request):
        raise PermissionDenied(_("The target repository takes only what its reviewers have approved."))
    target_id = resolve(target, "branch", pull_request.target_name).raw_id
    if refusal := _too_large(pull_request, target_id):
        raise ValidationError(refusal)
    return target_id


def set_merged(pull_request: PullRequest, raw_id: str, actor: Actor | None) -> None:
    """Write down that the target branch has it, at ``raw_id`` of it. Needs the target's lock.

    Raises:
        ValidationError: it is closed.
    """
    with transaction.atomic():
        locked = lock_open(pull_request)
        change(locked, status=PullRequest.Status.MERGED, merged_as=raw_id, moved_to="")
        journal.record(
            actor,
            "merge_pull_request",
            locked,
            repository_id=locked.target_id,
            raw_id=raw_id,
            iteration=locked.iteration_number,
        )
        notifications.announce("merged", locked, actor)


def _too_large(pull_request: PullRequest, target_id: str) -> str:
    """Why the target's limit for files forbids the merge, as it would a push; empty when it does not."""
    limit = pull_request.target.max_file_size
    if limit is None:
        return ""
    iteration = pull_request.current
    found = pull_request.target.vcs.large_file(
        holder(pull_request, iteration).path, iteration.origin_raw_id, target_id, limit
    )
    return too_large(printable(found[0]), found[1], limit) if found is not None else ""


def signature(actor: Actor) -> Signature:
    user = actor.user
    return Signature(user.full_name or user.username, user.email or "", timezone.localtime())


def _message(pull_request: PullRequest) -> str:
    source = pull_request.origin_name
    if pull_request.origin_id != pull_request.target_id:
        source += f" of {pull_request.origin.name}"
    return f"Merge pull request #{pull_request.pk}: {pull_request.title}\n\nFrom {source}, by {pull_request.owner}."
