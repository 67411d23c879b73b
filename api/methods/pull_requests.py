"""Methods about pull requests: Kallithea's, and those that its API lacks, named as RhodeCode names them."""

from __future__ import annotations

from typing import Any

from accounts.actors import Actor
from accounts.models import User
from api import lookups
from api.errors import ApiError
from api.method import PULL_REQUEST_SPELLINGS, ApiNamespace, Id, JsonObject, Text, Users, unpacked
from api.paging import window
from api.serializers_reviews import (
    pull_request_data,
    whole,
)
from reviews.models import PullRequest
from reviews.permissions import is_manager, may_vote
from reviews.services import comments, merging, pull_requests, votes

namespace = ApiNamespace()


def _data(number: int, site: str) -> JsonObject:
    return pull_request_data(whole(PullRequest.objects.all()).get(pk=number), site)


def _people(values: Any) -> list[User]:
    """Users by name or number, alone or in a list, plain or as RhodeCode's ``{"username": ...}``."""
    if values is None:
        return []
    values = unpacked(values)
    listed = values if isinstance(values, list) else [values]
    return [lookups.user(value.get("username") if isinstance(value, dict) else value) for value in listed]


# -- Kallithea's ---------------------------------------------------------------------------------------------------


@namespace.method(spellings={"pullrequestid": "pullrequest_id"})
def get_pullrequest(actor: Actor, pullrequest_id: Id, *, site: str) -> JsonObject:
    """Show a pull request with its comments and votes.

    Needs: read permission on the source and the target repository.

    Args:
        pullrequest_id: number of the pull request.

    Returns:
        ``pull_request_id``, ``url`` (a path), ``reviewers`` (list of ``username``), ``revisions`` (hashes of the newest
        iteration, oldest first), ``owner``, ``title``, ``description``, ``org_repo_url``, ``org_ref_parts`` and
        ``other_ref_parts`` (type, name, hash; the second with the common ancestor), ``status`` (``new`` or
        ``closed``), ``comments`` (``comment_id``, ``username``, ``text``), ``statuses`` (one for each changeset and
        vote: ``status``, ``modified_at``, ``reviewer``), ``created_on``, ``updated_on``; also ``org_repo``,
        ``other_repo``, ``iteration`` (number), ``review_status`` (what the reviewers say), ``merged`` and
        ``merge_commit_id``; and as RhodeCode names them ``author``, ``source`` and ``target`` (``repository``,
        ``clone_url``, ``reference``), ``commit_ids``, ``versions`` (numbers of the iterations), and of each reviewer
        ``user`` and ``review_status`` (the vote on the newest iteration).

    Raises:
        pull request `x` does not exist: unknown, or no permission.
    """
    return _data(lookups.pull_request(actor, pullrequest_id).pk, site)


@namespace.method()
def comment_pullrequest(
    actor: Actor, pull_request_id: Id, comment_msg: Text = "", status: str | None = None, close_pr: bool = False
) -> bool:
    """Comment on a pull request, vote on it, close it, or all of that at once.

    With neither a text nor a status nor ``close_pr`` nothing happens.

    Needs: read permission on the source and the target repository; to vote the pull request's owner, a reviewer or an
    administrator; to close its owner or an administrator.

    Args:
        pull_request_id: number of the pull request.
        comment_msg: the text, Markdown.
        status: ``not_reviewed``, ``under_review``, ``rejected`` or ``approved``.
        close_pr: close the pull request.

    Returns:
        ``true``.

    Raises:
        pull request `x` does not exist: no such number.
        No permission to add comment. User needs at least reading permissions to the source repository.: a repository
            may not be read.
        No permission to close pull request. User needs to be admin or owner.: asked to close.
        No permission to change pull request status. User needs to be admin, owner or reviewer.: asked to vote.
        pull request is already closed: closed or merged.
    """
    pull_request = lookups.any_pull_request(pull_request_id)
    if not PullRequest.objects.filter(pk=pull_request.pk).visible_to(actor).exists():
        raise ApiError(
            "No permission to add comment. User needs at least reading permissions to the source repository."
        )
    if close_pr and not (actor.is_admin or pull_request.owner_id == actor.user.pk):
        raise ApiError("No permission to close pull request. User needs to be admin or owner.")
    if status and not may_vote(actor, pull_request):
        raise ApiError("No permission to change pull request status. User needs to be admin, owner or reviewer.")
    if not pull_request.is_open:
        raise ApiError("pull request is already closed")
    if not isinstance(comment_msg, str):
        raise ApiError("Invalid `comment_msg` arg in JSON DATA: must be text")
    comments.respond(actor=actor, pull_request=pull_request, text=comment_msg, status=status or None, close=close_pr)
    return True


@namespace.method()
def edit_reviewers(actor: Actor, pull_request_id: Id, add: Users = None, remove: Users = None) -> JsonObject:
    """Ask people to review a pull request, or not any more.

    Needs: to be its owner or an administrator of the target repository or the site.

    Args:
        pull_request_id: number of the pull request.
        add: user name or number, or a list of them.
        remove: user name or number, or a list of them; those who are no reviewers do no harm.

    Returns:
        ``added``, ``already_present``, ``removed``: lists of user names.

    Raises:
        pull request `x` does not exist: unknown, or no permission.
        Invalid request. Neither 'add' nor 'remove' is specified.: at least one must be given.
        No permission to edit reviewers of this pull request. User needs to be admin or pull request owner.: neither.
        Cannot edit reviewers of a closed pull request.: closed or merged.
        user `x` does not exist: nobody is added or removed then.
    """
    pull_request = lookups.pull_request(actor, pull_request_id)
    if add is None and remove is None:
        raise ApiError("Invalid request. Neither 'add' nor 'remove' is specified.")
    if not is_manager(actor, pull_request):
        raise ApiError(
            "No permission to edit reviewers of this pull request. User needs to be admin or pull request owner."
        )
    if not pull_request.is_open:
        raise ApiError("Cannot edit reviewers of a closed pull request.")
    done = pull_requests.edit_reviewers(
        actor=actor, pull_request=pull_request, add=_people(add), remove=_people(remove)
    )
    return {
        "added": [user.username for user in done.added],
        "already_present": [user.username for user in done.already_present],
        "removed": [user.username for user in done.removed],
    }


# -- further ones --------------------------------------------------------------------------------------------------


@namespace.method(spellings=PULL_REQUEST_SPELLINGS)
def get_pull_request(actor: Actor, pullrequestid: Id, repoid: Id = None, *, site: str) -> JsonObject:
    """Show a pull request, and whether it could be merged now.

    Needs: read permission on the source and the target repository.

    Args:
        pullrequestid: number of the pull request.
        repoid: name or number of the target repository, checked when given.

    Returns:
        What get_pullrequest answers, and ``mergeable`` (``possible``, ``problem`` for people, ``conflicts``: paths;
        also as ``status`` and ``message``).

    Raises:
        pull request `x` does not exist: unknown, or no permission.
    """
    pull_request = lookups.pull_request_into(actor, pullrequestid, repoid)
    outlook = merging.outlook(actor=actor, pull_request=pull_request)
    mergeable = {"possible": outlook.possible, "problem": outlook.problem, "conflicts": list(outlook.conflicts)}
    mergeable |= {"status": outlook.possible, "message": outlook.problem}
    return _data(pull_request.pk, site) | {"mergeable": mergeable}


@namespace.method()
def get_pull_requests(
    actor: Actor,
    repoid: Id,
    status: str = "new",
    page: int | None = None,
    per_page: int | None = None,
    *,
    site: str,
) -> list[JsonObject]:
    """List the pull requests into a repository, the newest first.

    Needs: read permission on the repository; a pull request shows when its source may be read as well.

    Args:
        repoid: name or number of the target repository.
        status: ``new``, ``closed``, ``merged``, or ``all``.
        page: with ``per_page``: which page of the answer, from 1.
        per_page: pull requests on a page, 100 when only ``page`` is given.

    Returns:
        A list of what get_pullrequest answers.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        status must be one of new,closed,merged,all: another value.
    """
    repository = lookups.repository(actor, repoid)
    rows = PullRequest.objects.filter(target=repository).visible_to(actor)
    if status not in (*PullRequest.Status.values, "all"):
        raise ApiError("status must be one of new,closed,merged,all")
    part = window(page, per_page)
    if status != "all":
        rows = rows.filter(status=status)
    return [pull_request_data(row, site) for row in whole(rows).order_by("-pk")[part]]


@namespace.method()
def create_pull_request(
    actor: Actor,
    source_repo: Id,
    target_repo: Id,
    source_ref: str,
    target_ref: str,
    owner: Id = None,
    title: str = "",
    description: str = "",
    reviewers: Users = None,
    *,
    site: str,
) -> JsonObject:
    """Open a pull request between two related repositories of one kind.

    Needs: read permission on both repositories; administrator rights to name another owner.

    Args:
        source_repo: name or number of the repository that has the changesets.
        target_repo: name or number of the repository that is to get them.
        source_ref: ``branch:NAME``, ``tag:NAME`` or ``book:NAME``, with ``:HASH`` behind it for an earlier changeset;
            ``rev:HASH`` for a changeset that no name leads to.
        target_ref: ``branch:NAME``.
        owner: user name or number; the caller when not given.
        title: one line; made from the references when not given.
        description: Markdown; who is mentioned in it hears of it.
        reviewers: user names or numbers.

    Returns:
        ``msg``, ``pull_request_id`` and the ``pull_request`` as get_pullrequest answers it.

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Only Kallithea admin can specify `owner` param: another owner than the caller.
        user `x` does not exist: owner or reviewer.
        a pull request cannot go from hg to git: the repositories are of different kinds.
        branch `x` does not exist: no such reference (branch, tag or book).
        the repositories are unrelated: they have no changeset in common: nothing can be compared.
        there is nothing to review: the target has all changesets of the source: nothing to merge.
    """
    if owner is not None and not actor.is_admin:
        raise ApiError("Only Kallithea admin can specify `owner` param")
    pull_request = pull_requests.open_pull_request(
        actor=actor,
        owner=None if owner is None else lookups.user(owner),
        origin=lookups.repository(actor, source_repo),
        origin_ref=source_ref,
        target=lookups.repository(actor, target_repo),
        target_ref=target_ref,
        title=title,
        description=description,
        reviewers=_people(reviewers),
    )
    return {
        "msg": f"Created new pull request `{pull_request.title}`",
        "pull_request_id": pull_request.pk,
        "pull_request": _data(pull_request.pk, site),
    }


@namespace.method(spellings=PULL_REQUEST_SPELLINGS | {"message": "comment"})
def update_pull_request(
    actor: Actor,
    pullrequestid: Id,
    repoid: Id = None,
    title: str | None = None,
    description: str | None = None,
    reviewers: Users = None,
    update_commits: bool = False,
    comment: str = "",
    *,
    site: str,
) -> JsonObject:
    """Change a pull request, or take its source as it is now as a new iteration.

    Needs: to be its owner or an administrator of the target repository or the site.

    Args:
        pullrequestid: number of the pull request.
        repoid: name or number of the target repository, checked when given.
        title: a new title.
        description: a new description.
        reviewers: everybody who shall be a reviewer from now on.
        update_commits: make a new iteration; earlier ones stay, votes on them count no more.
        comment: what to say about the new iteration.

    Returns:
        ``msg``, ``pull_request``, ``updated_commits`` (hashes ``added``, ``common``, ``removed``) and
        ``updated_reviewers`` (names ``added``, ``removed``).

    Raises:
        pull request `x` does not exist: unknown, or no permission.
        pull request is already closed: closed or merged.
        nothing has changed since iteration n: the source is where it was.
    """
    pull_request = lookups.pull_request_into(actor, pullrequestid, repoid)
    before = pull_request.current.revisions
    after = before
    updated_reviewers: JsonObject = {"added": [], "removed": []}
    wanted = _people(reviewers)
    if title is not None or description is not None:
        pull_requests.edit(actor=actor, pull_request=pull_request, title=title, description=description)
    if reviewers is not None:
        keep = {user.pk for user in wanted}
        leaving = [row.user for row in pull_request.reviewer_rows.select_related("user") if row.user_id not in keep]
        done = pull_requests.edit_reviewers(actor=actor, pull_request=pull_request, add=wanted, remove=leaving)
        updated_reviewers = {
            "added": [user.username for user in done.added],
            "removed": [user.username for user in done.removed],
        }
    if update_commits:
        after = pull_requests.update(actor=actor, pull_request=pull_request, text=comment).revisions
    return {
        "msg": f"Updated pull request `{pull_request.pk}`",
        "pull_request": _data(pull_request.pk, site),
        "updated_commits": {
            "added": [raw_id for raw_id in after if raw_id not in before],
            "common": [raw_id for raw_id in after if raw_id in before],
            "removed": [raw_id for raw_id in before if raw_id not in after],
        },
        "updated_reviewers": updated_reviewers,
    }


@namespace.method(spellings=PULL_REQUEST_SPELLINGS)
def merge_pull_request(
    actor: Actor, pullrequestid: Id, repoid: Id = None, message: str = "", iteration: int | None = None
) -> JsonObject:
    """Merge a pull request in its target repository, by the server and in the caller's name.

    Needs: write permission on the target repository, and the approval of the reviewers where that repository asks for
    it.

    Args:
        pullrequestid: number of the pull request.
        repoid: name or number of the target repository, checked when given.
        message: of the merge changeset.
        iteration: merge only if this is still the newest iteration.

    Returns:
        ``executed`` (true), ``pull_request_id`` and ``merge_commit_id``: where the target branch is now.

    Raises:
        pull request `x` does not exist: unknown, or no permission.
        pull request is already closed: closed or merged.
        conflict in x: a person must merge; nothing has changed.
        There is a newer iteration, please look at it first.: another one than ``iteration``.
        Merging needs write permission on the target repository.: read permission only.
        The target repository takes only what its reviewers have approved.: not approved.
    """
    pull_request = lookups.pull_request_into(actor, pullrequestid, repoid)
    raw_id = merging.merge(actor=actor, pull_request=pull_request, message=message, iteration=iteration)
    return {"executed": True, "pull_request_id": pull_request.pk, "merge_commit_id": raw_id}


@namespace.method(spellings=PULL_REQUEST_SPELLINGS)
def close_pull_request(actor: Actor, pullrequestid: Id, repoid: Id = None, message: str = "") -> JsonObject:
    """Close a pull request without merging it.

    Needs: to be its owner or an administrator of the target repository or the site.

    Args:
        pullrequestid: number of the pull request.
        repoid: name or number of the target repository, checked when given.
        message: a last comment.

    Returns:
        ``pull_request_id``, ``close_status`` (what the reviewers said) and ``closed`` (true).

    Raises:
        pull request `x` does not exist: unknown, or no permission.
        pull request is already closed: closed or merged.
    """
    pull_request = lookups.pull_request_into(actor, pullrequestid, repoid)
    comments.respond(actor=actor, pull_request=pull_request, text=message, close=True)
    return {"pull_request_id": pull_request.pk, "close_status": votes.result(pull_request).value, "closed": True}
