"""Pages of pull requests: lists, opening one, showing one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actors import Actor
from accounts.forms import explain
from accounts.middleware import ActorRequest
from accounts.models import User
from accounts.pages import page, refuse, signed_in
from repos.models import Repository
from repos.services import changesets
from repos.vcs.errors import VcsError
from repos.vcs.types import LogQuery
from repos.views.base import RepositoryRequest, address
from repos.views.changesets import diff_context, shown
from reviews.forms import EditForm, OpenForm, ReviewersForm
from reviews.models import ChangesetStatus, Comment, Iteration, PullRequest, VoteStatus
from reviews.permissions import is_manager, may_merge, may_vote
from reviews.services import iterations, lines, merging, pull_requests, votes
from reviews.views.talk import Talk

PAGE = 50
MOST_WORDS = 10


def _list(request: ActorRequest, found: QuerySet[PullRequest], template: str, **context: Any) -> HttpResponseBase:
    """One page of pull requests: open ones unless ``?closed=1``; with ``?q=`` those that have each of its words."""
    is_closed = request.GET.get("closed") == "1"
    found = found.exclude(status="new") if is_closed else found.filter(status="new")
    for word in request.GET.get("q", "").split()[:MOST_WORDS]:
        found = found.filter(
            Q(title__icontains=word) | Q(owner__username__icontains=word) | Q(origin_name__icontains=word)
        )
    statuses = Prefetch("statuses", ChangesetStatus.objects.once_per_vote())
    rows = found.select_related("owner", "origin", "target").prefetch_related("reviewer_rows", statuses, "iterations")
    shown = Paginator(rows.order_by("-pk"), PAGE).get_page(request.GET.get("page"))
    results = [(row, votes.result(row)) for row in shown]
    return page(request, template, {"page": shown, "rows": results, "is_closed": is_closed, **context})


@require_safe
def of_repository(request: RepositoryRequest) -> HttpResponseBase:
    """Into this repository, or with ``?from_=1`` out of it."""
    visible = PullRequest.objects.visible_to(request.actor)
    is_from = request.GET.get("from_") == "1"
    found = visible.filter(origin=request.repository) if is_from else visible.filter(target=request.repository)
    return _list(request, found, "reviews/list.html", tab="pull_requests", is_from=is_from)


@signed_in
@require_safe
def mine(request: ActorRequest) -> HttpResponseBase:
    """One's own, those that wait for one's vote, or all that one may see."""
    which = request.GET.get("which", "own")
    visible = PullRequest.objects.visible_to(request.actor)
    if which == "review":
        visible = visible.to_review(request.actor.user)
    elif which != "all":
        visible = visible.filter(owner=request.actor.user)
    return _list(request, visible, "reviews/mine.html", which=which)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: RepositoryRequest) -> HttpResponseBase:
    """Choose, look at what it would hold, open. Another target changes what can be chosen, not what was typed."""
    if request.actor.is_anonymous:
        return refuse(request)
    origin = request.repository
    targets = _targets(request)
    given = request.POST if request.method == "POST" else request.GET
    name = given.get("target") or request.GET.get("target")
    found = next((one for one in targets if one.name == name), None)
    target = found or targets[0]
    if not origin.vcs.page(LogQuery(), skip=0, count=1):
        return page(request, "reviews/new.html", {"tab": "pull_requests"})
    is_sent = bool({"open", "preview"} & set(given)) if request.method == "POST" else "target_ref" in given
    if name and found is None:
        messages.error(request, _("repository `%s` does not exist") % name)
        is_sent = False
    form = OpenForm(origin.vcs.refs(), target.vcs.refs(), given if is_sent else None, initial=given.dict())
    context: dict[str, Any] = {"tab": "pull_requests", "form": form, "targets": targets, "target": target}
    if form.is_valid():
        try:
            if request.method == "POST" and "open" in request.POST:
                made = pull_requests.open_pull_request(
                    actor=request.actor, origin=origin, target=target, **form.cleaned_data
                )
                warn_of_the_blind(request, made, form.cleaned_data["reviewers"])
                return HttpResponseRedirect(made.get_absolute_url())
            context |= _preview(request, form, origin, target)
        except ValidationError as error:
            explain(form, error)
        except VcsError as error:
            form.add_error(None, str(error))
    return page(request, "reviews/new.html", context)


def warn_of_the_blind(request: RepositoryRequest, pull_request: PullRequest, reviewers: Iterable[User]) -> None:
    """Say who was asked for a review and cannot see what of: the server mails nothing to them."""
    for user in reviewers:
        if not PullRequest.objects.filter(pk=pull_request.pk).visible_to(Actor(user)).exists():
            messages.warning(request, _("%s may not read the repositories of this pull request.") % user.username)


def _targets(request: RepositoryRequest) -> list[Repository]:
    """The parent first, the repository itself, then its forks, the parent's other forks, and the parent's parent."""
    origin = request.repository
    visible = Repository.objects.visible_to(request.actor)
    parent = Repository.objects.filter(forks=origin)
    family = Q(fork_of__in=[origin.pk, origin.fork_of_id]) | Q(pk__in=parent.values("fork_of"))
    others = visible.filter(family).exclude(pk=origin.pk).exclude(pk__in=parent.values("pk")).order_by("name")
    return [*visible.filter(forks=origin), origin, *others[:100]]


def _preview(request: RepositoryRequest, form: OpenForm, origin: Repository, target: Repository) -> dict[str, Any]:
    values = form.cleaned_data
    seen = pull_requests.preview(
        origin=origin, origin_ref=values["origin_ref"], target=target, target_ref=values["target_ref"]
    )
    rows = list(changesets.read(origin, list(reversed(seen.revisions))))
    pieces = target.vcs.diff_between(origin.path, seen.ancestor_id, seen.origin.raw_id, shown(request))
    merge = pull_requests.conflicts(origin, seen.origin.raw_id, target, seen.target.raw_id)
    changes = [{"changeset": row} for row in rows]
    found = {"preview": seen, "changes": changes, "conflicts": merge.conflicts}
    return {**found, **diff_context(request, pieces, seen.ancestor_id, seen.origin.raw_id)}


# -- one of them ---------------------------------------------------------------------------------------------------


def obtain(request: RepositoryRequest, number: int) -> PullRequest:
    """The pull request into (or, for old links, out of) this repository, with what its page shows. Seven queries."""
    comments = Comment.objects.select_related("author", "iteration").prefetch_related("edits").order_by("pk")
    statuses = ChangesetStatus.objects.once_per_vote().select_related("user").order_by("pk")
    found = (
        PullRequest.objects.visible_to(request.actor)
        .filter(pk=number)
        .select_related("owner", "origin", "target")
        .prefetch_related(
            Prefetch("iterations", Iteration.objects.order_by("number")),
            Prefetch("comments", comments),
            Prefetch("statuses", statuses),
            "reviewer_rows__user",
        )
        .first()
    )
    if found is None or request.repository.pk not in (found.target_id, found.origin_id):
        raise Http404
    return found


@require_safe
def show(request: RepositoryRequest, number: int, label: str = "") -> HttpResponseBase:
    """What it would bring, what was said about it, who voted how, and what can be done."""
    pull_request = obtain(request, number)
    iteration = _iteration(pull_request, request.GET.get("iteration")) or pull_request.current
    before = _iteration(pull_request, request.GET.get("since"))
    chosen = shown(request)
    comments = _worth_showing(pull_request, iteration, with_lines=before is None)
    places = lines.places(pull_request, comments, iteration)
    rights = _rights(request, pull_request, iteration)
    action = address_of(pull_request)
    talk = Talk(request, comments, places, action, _votes(pull_request), may_talk="may_talk" in rights)
    holder = iterations.holder(pull_request, iteration)
    if before is not None:
        pieces, old = iterations.interdiff(pull_request, before, iteration, chosen), before.origin_raw_id
    else:
        pieces, old = iterations.diff(pull_request, iteration, chosen), iteration.ancestor_raw_id
    context = {
        **diff_context(request, pieces, old, iteration.origin_raw_id, talk.after),
        "tab": "pull_requests",
        "pull_request": pull_request,
        "iteration": iteration,
        "since": before,
        "changes": [{"changeset": row} for row in changesets.read(holder, list(reversed(iteration.revisions)))],
        "diff_repository": holder,
        "talk": talk,
        "is_newest": iteration.number == pull_request.iteration_number,
        "action": action,
        **rights,
    }
    return page(request, "reviews/show.html", context)


def address_of(pull_request: PullRequest, *parts: str) -> str:
    return address(pull_request.target, "pull-request", pull_request.pk, *parts)


def _iteration(pull_request: PullRequest, text: str | None) -> Iteration | None:
    return next((row for row in pull_request.iterations.all() if str(row.number) == text), None)


def _votes(pull_request: PullRequest) -> dict[int, str]:
    """Comment number -> the vote that came with it."""
    return {row.comment_id: row.status for row in pull_request.statuses.all() if row.comment_id is not None}


def _worth_showing(pull_request: PullRequest, iteration: Iteration, *, with_lines: bool) -> list[Comment]:
    """Not the empty comments of "under review", with which every iteration begins, nor deleted ones without replies;
    on an earlier iteration none on lines of later ones."""
    comments = list(pull_request.comments.all())
    voted = {number for number, status in _votes(pull_request).items() if status != VoteStatus.UNDER_REVIEW}
    wanted = voted | {comment.reply_to_id for comment in comments if comment.deleted_on is None}
    numbers = {row.pk: row.number for row in pull_request.iterations.all()}
    return [
        comment
        for comment in comments
        if (comment.text or comment.pk in wanted)
        and (not comment.is_inline or (with_lines and numbers.get(comment.iteration_id or 0, 0) <= iteration.number))
    ]


def _rights(request: RepositoryRequest, pull_request: PullRequest, iteration: Iteration) -> dict[str, Any]:
    actor = request.actor
    latest = votes.latest(pull_request)
    reviewers = [
        (row.user, latest.get(row.user_id), _is_current(latest.get(row.user_id), pull_request))
        for row in pull_request.reviewer_rows.all()
    ]
    rights: dict[str, Any] = {"reviewers": reviewers, "result": votes.result(pull_request), "VoteStatus": VoteStatus}
    if actor.is_anonymous or not pull_request.is_open:
        return rights
    rights["may_talk"] = True
    rights["may_vote"] = iteration.number == pull_request.iteration_number and may_vote(actor, pull_request)
    rights["choices"] = [(VoteStatus.APPROVED.value, _("approve")), (VoteStatus.REJECTED.value, _("reject"))]
    rights["choices"] += [(VoteStatus.UNDER_REVIEW.value, VoteStatus.UNDER_REVIEW.label)]
    if is_manager(actor, pull_request):
        names = " ".join(user.username for user, _vote, _current in reviewers)
        rights["edit_form"] = EditForm(
            initial={"title": pull_request.title, "description": pull_request.description}, auto_id="edit_%s"
        )
        rights["reviewers_form"] = ReviewersForm(initial={"reviewers": names})
        rights["is_manager"] = True
    if "is_manager" in rights or may_merge(actor, pull_request):
        rights["outlook"] = merging.outlook(actor=actor, pull_request=pull_request)
    return rights


def _is_current(vote: ChangesetStatus | None, pull_request: PullRequest) -> bool:
    return vote is not None and vote.iteration_id == pull_request.current.pk
