"""Who may do what with a pull request that he can see (``visible_to``)."""

from __future__ import annotations

from accounts.actors import Actor
from accounts.permissions import Level
from repos.models import Repository
from reviews.models import PullRequest


def has_level(actor: Actor, repository: Repository, level: Level) -> bool:
    return Repository.objects.filter(pk=repository.pk).visible_to(actor, level).exists()


def is_manager(actor: Actor, pull_request: PullRequest) -> bool:
    """May edit, update and close it: the owner, and who has administrator rights on the target or the site."""
    if actor.is_admin or actor.user.pk == pull_request.owner_id:
        return True
    return has_level(actor, pull_request.target, Level.ADMIN)


def may_vote(actor: Actor, pull_request: PullRequest) -> bool:
    if actor.is_admin or actor.user.pk == pull_request.owner_id:
        return True
    return pull_request.reviewer_rows.filter(user=actor.user).exists()


def may_merge(actor: Actor, pull_request: PullRequest) -> bool:
    return has_level(actor, pull_request.target, Level.WRITE)
