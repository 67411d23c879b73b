"""Comments as HTML, in the place where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.http import HttpRequest
from django.template.loader import render_to_string

from repos.diff_html import After
from reviews.models import Comment
from reviews.services.lines import Place

SIDES = {"o": Comment.Side.OLD.value, "n": Comment.Side.NEW.value}


class Talk:
    """The comments of one page: on all of it, on files and lines, and those whose line is gone."""

    def __init__(
        self,
        request: HttpRequest,
        comments: Iterable[Comment],
        places: Mapping[int, Place | None],
        action: str,
        votes: Mapping[int, str],
        *,
        may_talk: bool,
    ) -> None:
        self.request, self.action, self.votes, self.may_talk = request, action, votes, may_talk
        self.general: list[Comment] = []
        self.outdated: dict[object, list[Comment]] = {}
        self.on_lines: dict[tuple[str, str, int | None], list[Comment]] = {}
        self.count = 0
        for comment in comments:
            self.count += comment.deleted_on is None
            place = places.get(comment.pk)
            if not comment.is_inline:
                self.general.append(comment)
            elif place is None:
                where = (comment.iteration_id, comment.path, comment.side, comment.line)
                self.outdated.setdefault(where, []).append(comment)
            else:
                self.on_lines.setdefault((place.path, comment.side, place.line), []).append(comment)

    @property
    def after(self) -> After:
        def html(path: str, side: str, number: int) -> str:
            return self.thread(self.on_lines.pop((path, SIDES[side], number), []))

        return html

    def thread(self, comments: list[Comment], *, is_elsewhere: bool = False, is_outdated: bool = False) -> str:
        """Comments one below the other, with a form to answer. ``is_elsewhere``: not below their line."""
        if not comments:
            return ""
        context = {
            "comments": self._shown(comments),
            "action": self.action,
            "may_talk": self.may_talk,
            "is_elsewhere": is_elsewhere,
            "is_outdated": is_outdated,
        }
        return render_to_string("reviews/thread.html", context, self.request)

    def _shown(self, comments: list[Comment]) -> list[tuple[Comment, str]]:
        return [(comment, self.votes.get(comment.pk, "")) for comment in comments]

    def rest(self) -> list[str]:
        """Threads that no line of the diff has shown: on files, on lines beyond it, on lines that are gone."""
        return [
            *(self.thread(comments, is_elsewhere=True) for comments in self.on_lines.values()),
            *(self.thread(comments, is_elsewhere=True, is_outdated=True) for comments in self.outdated.values()),
        ]

    def remarks(self) -> list[tuple[Comment, str]]:
        return self._shown(self.general)
