"""What an iteration holds and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from repos.models import Repository
from repos.vcs.backend import Repository as VcsRepository
from repos.vcs.errors import RevisionNotFound
from repos.vcs.types import DiffOptions
from reviews.models import Iteration, PullRequest

MOST_PATHS = 1000  # that a tool is given one by one


def keep(origin: Repository, target: Repository, origin_id: str, target_id: str) -> None:
    """Bring what is asked for into the target, hidden, so that no push, strip or deletion can lose it."""
    target.vcs.fetch_changesets(origin.path, [origin_id], keep_as=f"pull/{origin_id}", beyond=target_id)


def holder(pull_request: PullRequest, iteration: Iteration) -> Repository:
    """The repository that has an iteration's changesets: the target, for imported pull requests maybe the origin."""
    target, raw_id = pull_request.target, iteration.origin_raw_id
    try:
        target.vcs.changeset(raw_id)
    except RevisionNotFound:
        return target if target.vcs.recall(raw_id) else pull_request.origin
    return target


def diff(pull_request: PullRequest, iteration: Iteration, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
    """Everything that an iteration would bring, in one Git-format diff."""
    repository = holder(pull_request, iteration)
    return repository.vcs.diff(iteration.ancestor_raw_id, iteration.origin_raw_id, options)


def interdiff(
    pull_request: PullRequest,
    before: Iteration,
    after: Iteration,
    options: DiffOptions = DiffOptions(),
) -> Iterator[bytes]:
    """From the source of one iteration to that of another.

    When a rebase is between them, only files that one of the two touches: what the target did meanwhile is not news.
    """
    vcs = holder(pull_request, after).vcs
    if before.ancestor_raw_id != after.ancestor_raw_id and not options.paths:
        touched = _touched(vcs, before) | _touched(vcs, after)
        if len(touched) <= MOST_PATHS:
            options = replace(options, paths=tuple(sorted(touched)))
    return vcs.diff(before.origin_raw_id, after.origin_raw_id, options)


def _touched(vcs: VcsRepository, iteration: Iteration) -> set[str]:
    found: set[str] = set()
    for changeset in vcs.changesets(iteration.revisions, with_files=True):
        if changeset.files is not None and len(changeset.parents) < 2:
            found.update(changeset.files.added, changeset.files.changed, changeset.files.removed)
    return found
