"""What can be done on the page of a pull request or a changeset. Each is a form; each answers with that page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.forms import posted_number
from accounts.middleware import ActorRequest
from accounts.pages import refuse, signed_in
from repos.markup import markdown
from repos.vcs.errors import VcsError
from repos.views.base import RepositoryRequest, address
from reviews.forms import EditForm, RemarkForm, ReviewersForm
from reviews.models import Comment, PullRequest
from reviews.services import comments, merging, pull_requests
from reviews.views.pull_requests import address_of, obtain, warn_of_the_blind

LONGEST_PREVIEW = 64 * 1024
WRITTEN = ("text", "title", "description", "message", "reviewers")  # by people, in one form or another


@require_POST
def act(request: RepositoryRequest, number: int, action: str) -> HttpResponseBase:
    """Do one thing to a pull request and show it again; where it was refused, with the reason and what was written."""
    if request.actor.is_anonymous:
        return refuse(request)
    pull_request = obtain(request, number)
    if action not in ACTIONS:
        raise Http404
    anchor = _explained(request, lambda: ACTIONS[action](request, pull_request))
    shown = address_of(pull_request)
    return HttpResponseRedirect(shown + (_view(request, shown) if action in REMARKS else "") + (anchor or ""))


def _view(request: RepositoryRequest, shown: str) -> str:
    """The query of the page that the form was on, such as ``?diff=split``: who looks at it that way goes on so."""
    before = urlsplit(request.headers.get("Referer", ""))
    query = QueryDict(before.query, mutable=True)
    query.pop("api_key", None)
    is_same = before.path == shown or before.path.startswith(f"{shown}/")  # a label may follow
    return f"?{query.urlencode()}" if query and is_same else ""


def _explained(request: RepositoryRequest, action: Callable[[], str | None]) -> str | None:
    try:
        return action()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except (PermissionDenied, VcsError) as error:
        messages.error(request, str(error) or _("You are not allowed to do that."))
    written = [text for name in WRITTEN if (text := request.POST.get(name, "")).strip()]
    if written:
        messages.warning(request, "\n".join([_("What you wrote:"), *written]))
    return None


def _respond(request: RepositoryRequest, pull_request: PullRequest) -> str:
    made = comments.respond(
        actor=request.actor, pull_request=pull_request, **_remark(request, pull_request=pull_request)
    )
    if made is None:
        raise ValidationError(_("A comment needs a text."))
    return f"#comment-{made.pk}"


def _remark(request: RepositoryRequest, **among: Any) -> dict[str, Any]:
    form = RemarkForm(request.POST)
    if not form.is_valid():
        raise ValidationError(_("The comment cannot be understood."))
    values = dict(form.cleaned_data)
    values["status"] = values["status"] or None
    values["reply_to"] = get_object_or_404(Comment, pk=values["reply_to"], **among) if values["reply_to"] else None
    return values


def _merge(request: RepositoryRequest, pull_request: PullRequest) -> None:
    merging.merge(
        actor=request.actor,
        pull_request=pull_request,
        message=request.POST.get("message", "").strip(),
        iteration=posted_number(request, "iteration"),
    )
    messages.success(request, _("Merged."))


def _update(request: RepositoryRequest, pull_request: PullRequest) -> None:
    made = pull_requests.update(actor=request.actor, pull_request=pull_request, text=request.POST.get("text", ""))
    messages.success(request, _("This is now iteration %d.") % made.number)


def _close(request: RepositoryRequest, pull_request: PullRequest) -> None:
    comments.respond(actor=request.actor, pull_request=pull_request, close=True)


def _edit(request: RepositoryRequest, pull_request: PullRequest) -> None:
    form = EditForm(request.POST)
    if not form.is_valid():
        raise ValidationError(_("A pull request needs a title."))
    pull_requests.edit(actor=request.actor, pull_request=pull_request, **form.cleaned_data)


def _reviewers(request: RepositoryRequest, pull_request: PullRequest) -> None:
    form = ReviewersForm(request.POST)
    if not form.is_valid():
        raise ValidationError([message for messages_of in form.errors.values() for message in messages_of])
    wanted = {user.pk: user for user in form.cleaned_data["reviewers"]}
    present = {row.user_id: row.user for row in pull_request.reviewer_rows.all()}
    done = pull_requests.edit_reviewers(
        actor=request.actor,
        pull_request=pull_request,
        add=[user for number, user in wanted.items() if number not in present],
        remove=[user for number, user in present.items() if number not in wanted],
    )
    warn_of_the_blind(request, pull_request, done.added)


def _delete_comment(request: RepositoryRequest, pull_request: PullRequest) -> str:
    return _delete(request, _comment(request, pull_request=pull_request))


def _edit_comment(request: RepositoryRequest, pull_request: PullRequest) -> str:
    return _rewrite(request, _comment(request, pull_request=pull_request))


def _comment(request: RepositoryRequest, **among: Any) -> Comment:
    return get_object_or_404(Comment, pk=posted_number(request, "comment"), **among)


def _delete(request: RepositoryRequest, comment: Comment) -> str:
    comments.delete(actor=request.actor, comment=comment)
    return f"#comment-{comment.pk}"


def _rewrite(request: RepositoryRequest, comment: Comment) -> str:
    comments.edit(actor=request.actor, comment=comment, text=request.POST.get("text", ""))
    return f"#comment-{comment.pk}"


REMARKS = {"comment", "edit-comment", "delete-comment"}
ACTIONS: dict[str, Callable[[RepositoryRequest, PullRequest], str | None]] = {
    "comment": _respond,
    "merge": _merge,
    "update": _update,
    "close": _close,
    "edit": _edit,
    "reviewers": _reviewers,
    "delete-comment": _delete_comment,
    "edit-comment": _edit_comment,
}


@require_POST
def act_on_changeset(request: RepositoryRequest, raw_id: str, action: str) -> HttpResponseBase:
    """Comment or vote on a changeset outside any pull request."""
    if request.actor.is_anonymous:
        return refuse(request)
    repository = request.repository

    def do() -> str:
        if action == "comment":
            values = _remark(request, repository=repository, raw_id=raw_id)
            del values["close"], values["iteration"]
            made = comments.comment_changeset(actor=request.actor, repository=repository, raw_id=raw_id, **values)
            return f"#comment-{made.pk}"
        comment = _comment(request, repository=repository, raw_id=raw_id)
        return _rewrite(request, comment) if action == "edit-comment" else _delete(request, comment)

    if action not in REMARKS:
        raise Http404
    anchor = _explained(request, do)
    shown = address(repository, "changeset", raw_id)
    return HttpResponseRedirect(shown + _view(request, shown) + (anchor or ""))


@signed_in
@require_POST
def preview(request: ActorRequest) -> HttpResponse:
    """Markdown as it will look, for the script of the comment forms."""
    return HttpResponse(markdown(request.POST.get("text", "")[:LONGEST_PREVIEW]))
