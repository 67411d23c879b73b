"""The page of a changeset, with what was said about it."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.pages import page
from accounts.permissions import Level
from repos.views import changesets
from repos.views.base import RepositoryRequest, address
from reviews.models import ChangesetStatus, Comment, PullRequest, VoteStatus
from reviews.services.lines import Place
from reviews.views.talk import Talk


@require_safe
def changeset(request: RepositoryRequest, revision: str) -> HttpResponseBase:
    """As in ``repos``, with comments, votes and the pull requests that hold it."""
    if "..." in revision:
        return changesets.changeset(request, revision)
    repository = request.repository
    position = repository.vcs.resolve(revision)
    rows = Comment.objects.on_changeset(repository, position.raw_id).select_related("author", "iteration")
    comments = list(rows.prefetch_related("edits").order_by("pk"))
    places = {comment.pk: Place(comment.path, comment.line) for comment in comments if comment.is_inline}
    found = ChangesetStatus.objects.of_changeset(repository, position.raw_id).visible_to(request.actor)
    statuses = list(found.select_related("user"))
    voted = {row.comment_id: row.status for row in statuses if row.comment_id is not None}
    action = address(repository, "changeset-review", position.raw_id)
    may_talk = not request.actor.is_anonymous
    talk = Talk(request, comments, places, action, voted, may_talk=may_talk)
    numbers = {row.pull_request_id for row in statuses if row.pull_request_id is not None}
    context = {
        **changesets.changeset_context(request, position, talk.after),
        "talk": talk,
        "action": action,
        "status": statuses[0] if statuses else None,
        "pull_requests": PullRequest.objects.visible_to(request.actor).filter(pk__in=numbers).select_related("target"),
        "may_talk": may_talk,
        "may_vote": may_talk and repository.level >= Level.WRITE,  # type: ignore[attr-defined]
        "choices": [(VoteStatus.APPROVED.value, _("approve")), (VoteStatus.REJECTED.value, _("reject"))],
    }
    return page(request, "reviews/changeset.html", context)
