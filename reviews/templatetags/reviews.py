"""Template tags for pages of reviews."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.actors import Actor
from repos.diff_html import anchor
from repos.markup import markdown, visible
from reviews.models import Comment, VoteStatus

register = template.Library()
register.filter("markdown", markdown)


@register.filter
def is_by(comment: Comment, actor: Actor) -> bool:
    """Whether ``actor`` may change it."""
    return comment.author_id == actor.user.pk and comment.deleted_on is None and not actor.is_anonymous


@register.simple_tag
def place(comment: Comment) -> SafeString:
    """Which file and line a comment was made on, as a link to there; nothing for one on all of it."""
    if not comment.path:
        return SafeString("")
    where = comment.path if comment.line is None else f"{comment.path}:{comment.line}"
    query = f"?iteration={comment.iteration.number}" if comment.iteration is not None else ""
    line = f"{comment.side[:1]}{comment.line or ''}"
    return format_html(' <a class="mono" href="{}#{}{}">{}</a>', query, anchor(comment.path), line, visible(where))


_COLOURS = {VoteStatus.APPROVED.value: "good", VoteStatus.REJECTED.value: "bad", VoteStatus.UNDER_REVIEW.value: "warn"}


@register.simple_tag
def vote(status: str) -> SafeString:
    """A vote as a small label. Imported ones may hold any word."""
    label = VoteStatus(status).label if status in VoteStatus.values else status
    return format_html('<span class="tag {}">{}</span>', _COLOURS.get(status, ""), label)
