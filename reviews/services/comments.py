"""Comments on pull requests and changesets, alone or together with a vote."""

from __future__ import annotations

from contextlib import nullcontext

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.permissions import Level
from accounts.services.checks import require_voice
from repos.models import Repository
from reviews import notifications
from reviews.models import Comment, CommentEdit, Iteration, PullRequest
from reviews.permissions import has_level, is_manager, may_vote
from reviews.services import votes
from reviews.services.locks import repository_lock

LONGEST = 100_000  # characters of one comment


def require_part(actor: Actor, pull_request: PullRequest) -> None:
    """Taking part in a pull request, in whatever way, needs a voice and both of its repositories in sight."""
    require_voice(actor)
    if not PullRequest.objects.filter(pk=pull_request.pk).visible_to(actor).exists():
        raise PermissionDenied(_("No right to read the repositories of this pull request."))


def respond(
    *,
    actor: Actor,
    pull_request: PullRequest,
    text: str = "",
    status: str | None = None,
    close: bool = False,
    path: str = "",
    side: str = "",
    line: int | None = None,
    reply_to: Comment | None = None,
    iteration: int | None = None,
) -> Comment | None:
    """Say something about a pull request, and maybe vote on it or close it, all in one.

    What is said and voted is about the iteration of that number, which is what the person has seen; the newest when
    not given. ``path`` alone comments on a file, with ``side`` (``old``, ``new``) and ``line`` (from 1) on a line of
    that iteration's diff. A reply belongs where the first comment does. ``None``: there was nothing to say.

    Raises:
        PermissionDenied: may not see, vote or close.
        ValidationError: closed already, an unknown status or iteration, a text that is too long, an impossible place.
    """
    require_part(actor, pull_request)
    if close and not is_manager(actor, pull_request):
        raise PermissionDenied(_("No right to close this pull request."))
    if status is not None and not may_vote(actor, pull_request):
        raise PermissionDenied(_("No right to vote on this pull request."))
    vote = None if status is None else votes.require_known(status)
    place = _place(pull_request, path, side, line, reply_to)
    _check_text(text)
    # Closing waits for a merge that is on its way, so that one of the two happens.
    with repository_lock(pull_request.target) if close else nullcontext(), transaction.atomic():
        current = lock_open(pull_request)
        if not (text.strip() or vote or close):
            return None
        seen = _seen(current, iteration)
        # The line of a reply is a line of what the first comment was about.
        about = reply_to.iteration if reply_to is not None and reply_to.is_inline else seen
        comment = Comment.objects.create(
            pull_request=current, iteration=about, author=actor.user, text=text, reply_to=reply_to, **place
        )
        if vote is not None:
            votes.cast(current, seen, actor.user, vote, comment)
        if close:
            change(current, status=PullRequest.Status.CLOSED)
        journal.record(
            actor,
            "close_pull_request" if close else "comment_pull_request",
            current,
            repository_id=current.target_id,
            comment_id=comment.pk,
            **({"status": vote.value} if vote is not None else {}),
        )
        notifications.announce("closed" if close else "commented", current, actor, comment)
    return comment


def _seen(pull_request: PullRequest, number: int | None) -> Iteration:
    if number is None:
        return pull_request.current
    found = pull_request.iterations.filter(number=number).first()
    if found is None:
        raise ValidationError(_("There is no iteration %s.") % number)
    return found


def lock_open(pull_request: PullRequest) -> PullRequest:
    """The pull request as it is now, its row held until the transaction ends.

    Raises:
        ValidationError: it is closed.
    """
    # Without joins: a row lock would take the joined rows as well.
    current = PullRequest.objects.select_for_update().get(pk=pull_request.pk)
    if not current.is_open:
        raise ValidationError(_("pull request is already closed"))
    return current


def change(pull_request: PullRequest, **fields: object) -> None:
    """Write ``fields`` if the pull request is still open and at the iteration that the caller saw, else fail."""
    fields["updated_on"] = timezone.now()
    changed = PullRequest.objects.filter(
        pk=pull_request.pk, status=PullRequest.Status.NEW, iteration_number=pull_request.iteration_number
    ).update(**fields)
    if not changed:
        raise ValidationError(_("The pull request has changed in the meantime."))
    for name, value in fields.items():
        setattr(pull_request, name, value)


def _place(
    pull_request: PullRequest, path: str, side: str, line: int | None, reply_to: Comment | None
) -> dict[str, object]:
    if reply_to is not None:
        if reply_to.pull_request_id != pull_request.pk or reply_to.deleted_on is not None:
            raise ValidationError(_("The comment that is replied to does not exist here."))
        return {"path": reply_to.path, "side": reply_to.side, "line": reply_to.line}
    return _checked_place(path, side, line)


def _checked_place(path: str, side: str, line: int | None) -> dict[str, object]:
    if (line is None) is not (side == "") or (line is not None and (not path or line < 1)):
        raise ValidationError(_("A comment on a line needs a file, a side and a line number."))
    if side and side not in Comment.Side.values:
        raise ValidationError(_("The side of a line is old or new."))
    return {"path": path, "side": side, "line": line}


def _check_text(text: str) -> None:
    if len(text) > LONGEST:
        raise ValidationError(_("A comment may have up to %(count)s characters.") % {"count": LONGEST})


def comment_changeset(
    *,
    actor: Actor,
    repository: Repository,
    raw_id: str,
    text: str = "",
    status: str | None = None,
    path: str = "",
    side: str = "",
    line: int | None = None,
    reply_to: Comment | None = None,
) -> Comment:
    """Comment on a changeset outside any pull request; a vote needs write permission on the repository.

    Raises:
        PermissionDenied, ValidationError: as :func:`respond`.
        RevisionNotFound: the repository has no such changeset.
    """
    require_voice(actor)
    if not has_level(actor, repository, Level.READ if status is None else Level.WRITE):
        raise PermissionDenied(_("No right to comment or vote in this repository."))
    vote = None if status is None else votes.require_known(status)
    if reply_to is not None:
        if (reply_to.repository_id, reply_to.raw_id) != (repository.pk, raw_id) or reply_to.deleted_on is not None:
            raise ValidationError(_("The comment that is replied to does not exist here."))
        path, side, line = reply_to.path, reply_to.side, reply_to.line
    place = _checked_place(path, side, line)
    _check_text(text)
    if not text.strip() and vote is None:
        raise ValidationError(_("A comment needs a text."))
    repository.vcs.changeset(raw_id)
    with transaction.atomic():
        comment = Comment.objects.create(
            repository=repository, raw_id=raw_id, author=actor.user, text=text, reply_to=reply_to, **place
        )
        if vote is not None:
            votes.cast_on_changeset(repository, raw_id, actor, vote, comment)
        journal.record(actor, "comment_changeset", repository, raw_id=raw_id, comment_id=comment.pk)
        notifications.announce_changeset(comment, actor)
    return comment


def edit(*, actor: Actor, comment: Comment, text: str) -> None:
    """Change one's own comment; what it said before is kept."""
    _check_text(text)
    if not text.strip():
        raise ValidationError(_("A comment needs a text."))
    with transaction.atomic():
        before = _rewrite(actor, comment, "edit_comment", text=text)
        notifications.announce_mentions(before, text, actor, pull_request=comment.pull_request, comment=comment)


def delete(*, actor: Actor, comment: Comment) -> None:
    """Take one's own comment away; the vote that came with it, its replies and its text in the history stay."""
    _rewrite(actor, comment, "delete_comment", text="", deleted_on=timezone.now())


def _rewrite(actor: Actor, comment: Comment, action: str, **fields: object) -> str:
    """What it said before."""
    require_voice(actor)
    with transaction.atomic():
        current = Comment.objects.select_for_update().get(pk=comment.pk)
        if current.author_id != actor.user.pk:
            raise PermissionDenied(_("Only its author may change a comment."))
        if current.deleted_on is not None:
            raise ValidationError(_("The comment has been deleted."))
        before = current.text
        CommentEdit.objects.create(comment=current, text=before, editor=actor.user)
        for name, value in (fields | {"modified_on": timezone.now()}).items():
            setattr(current, name, value)
        current.save(update_fields=[*fields, "modified_on"])
        journal.record(actor, action, current)
    for name in fields:
        setattr(comment, name, getattr(current, name))
    return before
