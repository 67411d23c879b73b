"""Methods about comments on pull requests and changesets, named as RhodeCode names them."""

from __future__ import annotations

from typing import Any

from accounts.actors import Actor
from api import lookups
from api.errors import ApiError
from api.method import PULL_REQUEST_SPELLINGS, ApiNamespace, Id, JsonObject
from api.serializers_reviews import comment_details, parse_line
from repos.models import Repository
from repos.vcs.errors import EmptyRepository, RevisionNotFound
from reviews.models import Comment
from reviews.services import comments
from reviews.services.lines import places

namespace = ApiNamespace()


@namespace.method(spellings=PULL_REQUEST_SPELLINGS)
def get_pull_request_comments(actor: Actor, pullrequestid: Id, repoid: Id = None) -> list[JsonObject]:
    """List the comments of a pull request, the oldest first, with their places.

    Needs: read permission on the source and the target repository.

    Args:
        pullrequestid: number of the pull request.
        repoid: name or number of the target repository, checked when given.

    Returns:
        A list of ``comment_id``, ``comment_pull_request_id``, ``comment_author`` (``username``), ``comment_text``,
        ``comment_created_on``, ``comment_modified_on``, ``comment_status`` (a vote or null), ``comment_f_path``,
        ``comment_lineno`` (``n12`` new side, ``o7`` old side, as it was made), ``reply_to`` (a comment's number),
        ``iteration`` (on which it was made), ``outdated`` (its line is gone from the newest iteration) and
        ``current_line`` (where its line is in the newest iteration).

    Raises:
        pull request `x` does not exist: unknown, or no permission.
    """
    pull_request = lookups.pull_request_into(actor, pullrequestid, repoid)
    rows = pull_request.comments.present().select_related("author", "iteration").prefetch_related("statuses")
    found = places(pull_request, rows)
    return [comment_details(row, found.get(row.pk)) for row in rows]


@namespace.method(spellings=PULL_REQUEST_SPELLINGS)
def comment_pull_request(
    actor: Actor,
    pullrequestid: Id,
    repoid: Id = None,
    message: str = "",
    status: str | None = None,
    path: str = "",
    line: str = "",
    reply_to: int | None = None,
    iteration: int | None = None,
) -> JsonObject:
    """Comment on a pull request, on a file or a line of an iteration, or reply to a comment; maybe with a vote.

    Needs: read permission on the source and the target repository; to vote the pull request's owner, a reviewer or an
    administrator.

    Args:
        pullrequestid: number of the pull request.
        repoid: name or number of the target repository, checked when given.
        message: the text, Markdown; may be empty with a vote.
        status: ``not_reviewed``, ``under_review``, ``rejected`` or ``approved``.
        path: the file that is commented on.
        line: ``n12``: line 12 after the change; ``o7``: line 7 before it.
        reply_to: number of the comment that this one answers.
        iteration: number of the one that the caller has seen and speaks of; the newest when not given.

    Returns:
        ``pull_request_id``, ``comment_id`` and ``status`` (the vote ``given`` or null).

    Raises:
        pull request `x` does not exist: unknown, or no permission.
        pull request is already closed: closed or merged.
        A comment needs a text.: neither text nor vote.
    """
    pull_request = lookups.pull_request_into(actor, pullrequestid, repoid)
    side, number = parse_line(line)
    comment = comments.respond(
        actor=actor,
        pull_request=pull_request,
        text=message,
        status=status or None,
        path=path,
        side=side,
        line=number,
        reply_to=_reply(reply_to, pull_request.comments.present()),
        iteration=iteration,
    )
    if comment is None:
        raise ApiError("A comment needs a text.")
    return {"pull_request_id": pull_request.pk, "comment_id": comment.pk, "status": {"given": status or None}}


@namespace.method()
def comment_commit(
    actor: Actor,
    repoid: Id,
    commit_id: Id,
    message: str = "",
    status: str | None = None,
    path: str = "",
    line: str = "",
    reply_to: int | None = None,
) -> JsonObject:
    """Comment on a changeset outside any pull request, on one of its files or lines, or reply to a comment.

    Needs: read permission on the repository; write permission to vote.

    Args:
        repoid: repository name or number.
        commit_id: hash, number, branch, tag, bookmark or ``tip``.
        message: the text, Markdown; may be empty with a vote.
        status: ``not_reviewed``, ``under_review``, ``rejected`` or ``approved``.
        path: the file that is commented on.
        line: ``n12``: line 12 after the change; ``o7``: line 7 before it.
        reply_to: number of the comment that this one answers.

    Returns:
        ``msg``, ``comment_id``, ``status_change`` (the vote or null) and ``success`` (true).

    Raises:
        repository `x` does not exist: unknown, or no permission.
        Changeset x does not exist: no changeset of that name.
        No right to comment or vote in this repository.: a vote without write permission.
    """
    repository = lookups.repository(actor, repoid)
    raw_id = _raw_id(repository, commit_id)
    side, number = parse_line(line)
    comment = comments.comment_changeset(
        actor=actor,
        repository=repository,
        raw_id=raw_id,
        text=message,
        status=status or None,
        path=path,
        side=side,
        line=number,
        reply_to=_reply(reply_to, Comment.objects.on_changeset(repository, raw_id).present()),
    )
    return {
        "msg": f"Commented on commit `{raw_id}` for repository `{repository.name}`",
        "comment_id": comment.pk,
        "status_change": status or None,
        "success": True,
    }


def _raw_id(repository: Repository, revision: Any) -> str:
    if isinstance(revision, bool) or not isinstance(revision, int | str):
        raise ApiError(f"Changeset {revision} does not exist")
    try:
        return repository.vcs.resolve(revision).raw_id
    except (RevisionNotFound, EmptyRepository):
        raise ApiError(f"Changeset {revision} does not exist") from None


def _reply(number: int | None, among: Any) -> Comment | None:
    if number is None:
        return None
    found: Comment | None = among.filter(pk=number).first()
    if found is None:
        raise ApiError(f"comment `{number}` does not exist")
    return found
