"""Votes and what they amount to."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User
from repos.models import Repository
from reviews.models import ChangesetStatus, Comment, Iteration, PullRequest, VoteStatus


def require_known(status: str) -> VoteStatus:
    try:
        return VoteStatus(status)
    except ValueError:
        known = ", ".join(VoteStatus.values)
        raise ValidationError(
            _("status `%(status)s` is none of %(known)s") % {"status": status, "known": known}
        ) from None


def cast(pull_request: PullRequest, iteration: Iteration, user: User, status: VoteStatus, comment: Comment) -> None:
    """One row for each changeset of the iteration."""
    now = timezone.now()
    ChangesetStatus.objects.bulk_create(
        ChangesetStatus(
            repository_id=pull_request.origin_id,
            raw_id=raw_id,
            user=user,
            status=status,
            comment=comment,
            pull_request=pull_request,
            iteration=iteration,
            modified_on=now,
        )
        for raw_id in iteration.revisions
    )


def cast_on_changeset(repository: Repository, raw_id: str, actor: Actor, status: VoteStatus, comment: Comment) -> None:
    """A vote outside any pull request."""
    ChangesetStatus.objects.create(
        repository=repository, raw_id=raw_id, user=actor.user, status=status, comment=comment
    )


def latest(pull_request: PullRequest) -> dict[int, ChangesetStatus]:
    """User number -> that person's newest vote, on whichever iteration it was given. No query where prefetched."""
    return {row.user_id: row for row in pull_request.statuses.all() if row.user_id is not None}


def result(pull_request: PullRequest) -> VoteStatus:
    """What the reviewers say of the newest iteration: approved when all approve, rejected when one rejects.

    A vote on an earlier iteration is shown but says nothing about this one.
    """
    reviewers = {row.user_id for row in pull_request.reviewer_rows.all()}
    return _result(reviewers, of_newest(pull_request))


def is_mergeable(pull_request: PullRequest) -> bool:
    """Approved, and not by the owner alone."""
    reviewers = {row.user_id for row in pull_request.reviewer_rows.all()}
    return bool(reviewers - {pull_request.owner_id}) and (
        _result(reviewers, of_newest(pull_request)) is VoteStatus.APPROVED
    )


def of_newest(pull_request: PullRequest) -> dict[int, str]:
    """User number -> that person's vote, of those who voted on the newest iteration. No query where prefetched."""
    newest = pull_request.current.pk
    return {user_id: row.status for user_id, row in latest(pull_request).items() if row.iteration_id == newest}


def _result(reviewers: Collection[int], votes: dict[int, str]) -> VoteStatus:
    said = [votes.get(reviewer) for reviewer in reviewers]
    if VoteStatus.REJECTED in said:
        return VoteStatus.REJECTED
    if said and all(status == VoteStatus.APPROVED for status in said):
        return VoteStatus.APPROVED
    return VoteStatus.UNDER_REVIEW


def changeset_status(actor: Actor, repository: Repository, raw_id: str) -> ChangesetStatus | None:
    """The newest vote of all that the actor may see on a changeset, as Kallithea shows it."""
    found = ChangesetStatus.objects.of_changeset(repository, raw_id).visible_to(actor)
    return found.select_related("user").first()
