"""What a push means for open pull requests.

Where their source goes on, it is said on their pages and by mail, and taken over only when their owner says so. Where
their target has everything that they ask for, because somebody merged and pushed it, they are merged.
"""

from __future__ import annotations

from contextlib import suppress

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.actors import Actor
from repos.models import Repository
from repos.vcs.errors import RevisionNotFound
from repos.vcs.push_rules import PushResult
from repos.vcs.types import Refs
from reviews import notifications
from reviews.models import PullRequest
from reviews.services.locks import repository_lock
from reviews.services.merging import set_merged
from reviews.services.references import tips, where


def after_push(repository: Repository, actor: Actor | None, pushed: PushResult) -> None:
    """Compare the open pull requests of ``repository`` with where its references are now; twice does no harm."""
    opened = PullRequest.objects.filter(status=PullRequest.Status.NEW).prefetch_related("iterations")
    into, out_of = list(opened.filter(target=repository)), list(opened.filter(origin=repository))
    if not (into or out_of):
        return
    refs = repository.vcs.refs()
    moved = {update.name for update in pushed.refs if update.type == "branch"}  # empty where it is not known
    for pull_request in into:
        if not moved or pull_request.target_name in moved:
            _settle(repository, pull_request, refs, actor)
    for pull_request in out_of:
        _notice_move(pull_request, refs, actor)


def _settle(repository: Repository, pull_request: PullRequest, refs: Refs, actor: Actor | None) -> None:
    """Mark it as merged if the target branch, which has moved since it was compared, holds all of it now."""
    iteration = pull_request.current
    tip = tips(refs, pull_request.target_type).get(pull_request.target_name)
    if tip is None or tip == iteration.target_raw_id:
        return
    with suppress(RevisionNotFound):  # an imported one whose changesets are gone
        if repository.vcs.common_ancestor(iteration.origin_raw_id, tip) != iteration.origin_raw_id:
            return
        with suppress(ValidationError), repository_lock(repository):  # closed or merged meanwhile
            current = PullRequest.objects.get(pk=pull_request.pk)
            if current.iteration_number == iteration.number:
                set_merged(current, tip, actor)


def _notice_move(pull_request: PullRequest, refs: Refs, actor: Actor | None) -> None:
    tip = where(pull_request.origin, pull_request.origin_type, pull_request.origin_name, refs)
    if tip is None:
        return  # gone: what was asked for stays
    moved_to = "" if tip == pull_request.current.origin_raw_id else tip
    with transaction.atomic():
        same = PullRequest.objects.filter(
            pk=pull_request.pk, status=PullRequest.Status.NEW, iteration_number=pull_request.iteration_number
        )
        if same.exclude(moved_to=moved_to).update(moved_to=moved_to) and moved_to:
            pull_request.moved_to = moved_to
            notifications.announce("moved", pull_request, actor)
