"""What a repository asks of a pull request before it is merged."""

from __future__ import annotations

from django.db import transaction

from accounts import journal
from accounts.actors import Actor
from accounts.permissions import Level
from repos.models import Repository
from repos.services import access
from reviews.models import ReviewPolicy


def of(repository: Repository) -> ReviewPolicy:
    """Its policy, or the defaults."""
    return ReviewPolicy.objects.filter(repository=repository).first() or ReviewPolicy(repository=repository)


def decide(*, actor: Actor, repository: Repository, needs_approval: bool, fast_forward: bool) -> ReviewPolicy:
    """Set all of a repository's policy.

    Raises:
        PermissionDenied: no admin permission on the repository.
    """
    access.require(actor, repository, Level.ADMIN)
    wanted = {"needs_approval": needs_approval, "fast_forward": fast_forward}
    with transaction.atomic():
        policy, _made = ReviewPolicy.objects.update_or_create(repository=repository, defaults=wanted)
        journal.record(actor, "set_review_policy", repository, **wanted)
    return policy


def forget(*, actor: Actor, repository: Repository) -> None:
    """Back to the defaults.

    Raises:
        PermissionDenied: no admin permission on the repository.
    """
    access.require(actor, repository, Level.ADMIN)
    with transaction.atomic():
        if ReviewPolicy.objects.filter(repository=repository).delete()[0]:
            journal.record(actor, "forget_review_policy", repository)
