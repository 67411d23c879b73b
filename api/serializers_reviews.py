"""Pull requests, comments and votes as they look on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.db.models import Prefetch, QuerySet

from accounts.actors import Actor
from accounts.models import User
from api.errors import ApiError
from api.method import JsonObject
from api.serializers import local_iso
from repos.models import Repository
from reviews.models import ChangesetStatus, Comment, PullRequest, Reviewer, VoteStatus
from reviews.services import votes
from reviews.services.lines import Place

_SIDES = {"o": Comment.Side.OLD, "n": Comment.Side.NEW}


def whole(queryset: QuerySet[PullRequest]) -> QuerySet[PullRequest]:
    """With everything that :func:`pull_request_data` reads: five queries for any number of pull requests."""
    return queryset.select_related("owner", "origin", "target").prefetch_related(
        "iterations",
        Prefetch("reviewer_rows", Reviewer.objects.select_related("user")),
        Prefetch("comments", Comment.objects.present().select_related("author")),
        Prefetch("statuses", ChangesetStatus.objects.select_related("user")),
    )


def pull_request_data(pull_request: PullRequest, site: str) -> JsonObject:
    """A pull request fetched by :func:`whole`. ``site``: the address under which the client reached the server."""
    newest, said = pull_request.current, votes.of_newest(pull_request)
    return {
        "pull_request_id": pull_request.pk,
        "url": pull_request.get_absolute_url(),
        "reviewers": [
            {
                "username": row.user.username,
                "user": {"username": row.user.username},
                "review_status": said.get(row.user_id, VoteStatus.NOT_REVIEWED.value),
            }
            for row in pull_request.reviewer_rows.all()
        ],
        "revisions": newest.revisions,
        "owner": pull_request.owner.username,
        "title": pull_request.title,
        "description": pull_request.description or "No description",
        "org_repo_url": f"{site}/{quote(pull_request.origin.name)}",
        "org_ref_parts": [pull_request.origin_type, pull_request.origin_name, newest.origin_raw_id],
        "other_ref_parts": [pull_request.target_type, pull_request.target_name, newest.ancestor_raw_id],
        "status": "new" if pull_request.is_open else "closed",
        "comments": [comment_data(comment) for comment in pull_request.comments.all()],
        "statuses": [vote_data(row) for row in pull_request.statuses.all()],
        "created_on": seconds(pull_request.created_on),
        "updated_on": seconds(pull_request.updated_on),
        # What Kallithea does not have.
        "org_repo": pull_request.origin.name,
        "other_repo": pull_request.target.name,
        "iteration": newest.number,
        "review_status": votes.result(pull_request).value,
        "merged": pull_request.status == PullRequest.Status.MERGED,
        "merge_commit_id": pull_request.merged_as or None,
        # What RhodeCode's clients look for.
        "author": {"username": pull_request.owner.username},
        "commit_ids": newest.revisions,
        "versions": [row.number for row in pull_request.iterations.all()],
        "source": _side(
            pull_request.origin, pull_request.origin_type, pull_request.origin_name, newest.origin_raw_id, site
        ),
        "target": _side(
            pull_request.target, pull_request.target_type, pull_request.target_name, newest.target_raw_id, site
        ),
    }


def _side(repository: Repository, type: str, name: str, raw_id: str, site: str) -> JsonObject:
    return {
        "clone_url": f"{site}/{quote(repository.name)}",
        "repository": repository.name,
        "reference": {"type": type, "name": name, "commit_id": raw_id},
    }


def pull_requests_into(actor: Actor, repository: Repository, site: str) -> list[JsonObject]:
    """get_repo's ``pull_requests``: all into a repository, closed ones too, as far as the actor may see them."""
    rows = PullRequest.objects.filter(target=repository).visible_to(actor)
    return [pull_request_data(row, site) for row in whole(rows).order_by("pk")]


def comment_data(comment: Comment) -> JsonObject:
    return {"comment_id": comment.pk, "username": _name(comment.author), "text": comment.text}


def vote_data(row: ChangesetStatus) -> JsonObject:
    return {"status": row.status, "modified_at": seconds(row.modified_on), "reviewer": _name(row.user)}


def comment_details(comment: Comment, place: Place | None) -> JsonObject:
    """A comment as get_pull_request_comments answers it; ``place`` is where it is in the newest iteration."""
    vote = next(iter(comment.statuses.all()), None)
    return {
        "comment_id": comment.pk,
        "comment_pull_request_id": comment.pull_request_id,
        "comment_author": {"username": _name(comment.author)},
        "comment_text": comment.text,
        "comment_created_on": seconds(comment.created_on),
        "comment_modified_on": seconds(comment.modified_on),
        "comment_status": vote.status if vote is not None else None,
        "comment_f_path": comment.path or None,
        "comment_lineno": line_label(comment),
        "reply_to": comment.reply_to_id,
        "iteration": comment.iteration.number if comment.iteration is not None else None,
        "outdated": comment.is_inline and place is None,
        "current_line": place.line if place is not None else None,
    }


def reviews_of(actor: Actor, repository: Repository, raw_id: str) -> list[JsonObject]:
    """get_changeset's ``reviews``: the newest vote of all that the actor may see, or none."""
    newest = votes.changeset_status(actor, repository, raw_id)
    return [] if newest is None else [vote_data(newest)]


def comments_of(repository: Repository, raw_id: str) -> list[JsonObject]:
    """get_changeset's ``comments``: those on the changeset as a whole."""
    return [comment_data(comment) for comment in _on_changeset(repository, raw_id) if not comment.is_inline]


def inline_comments_of(repository: Repository, raw_id: str) -> list[list[Any]]:
    """get_changeset's ``inline_comments``: ``[path, {line: [comment, ...]}]`` for each file."""
    files: dict[str, dict[str, list[JsonObject]]] = {}
    for comment in _on_changeset(repository, raw_id):
        if comment.is_inline:
            files.setdefault(comment.path, {}).setdefault(line_label(comment) or "", []).append(comment_data(comment))
    return [[path, files[path]] for path in sorted(files)]


def _on_changeset(repository: Repository, raw_id: str) -> Iterable[Comment]:
    return Comment.objects.on_changeset(repository, raw_id).present().select_related("author")


def line_label(comment: Comment) -> str | None:
    """``n12``: line 12 of the new side, ``o7``: line 7 of the old one."""
    return f"{comment.side[0]}{comment.line}" if comment.line is not None else None


def parse_line(label: str) -> tuple[str, int | None]:
    """(side, line) of ``n12`` or ``o7``; an empty text is no line."""
    if not label:
        return "", None
    match = re.fullmatch(r"([no])([1-9][0-9]{0,8})", label)
    if match is None:
        raise ApiError("Invalid `line` arg in JSON DATA: must look like n12 or o7", code=-32602)
    return _SIDES[match[1]], int(match[2])


def seconds(moment: datetime) -> str | None:
    return local_iso(moment.replace(microsecond=0))


def _name(user: User | None) -> str | None:
    """``None``: the account has been deleted."""
    return user.username if user is not None else None
