"""RSS and Atom: the newest changesets of a repository, and what every other feed is made with."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from django.utils.html import linebreaks
from django.views.decorators.http import require_safe

from repos.vcs.types import LogQuery
from repos.views.base import RepositoryRequest, address

ENTRIES = 10


KINDS: dict[str, type[SyndicationFeed]] = {"rss": Rss201rev2Feed, "atom": Atom1Feed}


@require_safe
def rss(request: RepositoryRequest) -> HttpResponseBase:
    return _feed(request, "rss")


@require_safe
def atom(request: RepositoryRequest) -> HttpResponseBase:
    return _feed(request, "atom")


def _feed(request: RepositoryRequest, kind: str) -> HttpResponse:
    repository, vcs = request.repository, request.repository.vcs
    newest = [position.raw_id for position in vcs.page(LogQuery(), skip=0, count=ENTRIES)]
    feed = begin(
        request, kind, f"{repository.name} feed", f"Changes on {repository.name} repository", address(repository)
    )
    for changeset in vcs.changesets(newest) if newest else ():
        link = request.build_absolute_uri(address(repository, "changeset", changeset.raw_id))
        title = (changeset.message.splitlines(keepends=True) or [changeset.short_id])[0]
        add(feed, link, title=title, text=changeset.message, author=changeset.author, date=changeset.date, link=link)
    return answer(feed, kind)


# -- what every feed shares ----------------------------------------------------------------------------------------


def begin(request: HttpRequest, kind: str, title: str, description: str, page: str) -> SyndicationFeed:
    """An empty feed at the address of ``request``, about the page at the path ``page``."""
    return KINDS[kind](
        title=title,
        link=request.build_absolute_uri(page),
        description=description,
        feed_url=request.build_absolute_uri(request.path),
        language="en-us",
    )


def add(feed: SyndicationFeed, name: str, *, title: str, text: str, author: str, date: datetime, link: str) -> None:
    """One entry, known by ``name`` for ever. Readers take the text for HTML, so it is escaped once more."""
    feed.add_item(
        title=feed_text(title),
        link=link,
        description=linebreaks(feed_text(text).strip(), autoescape=True),
        author_name=feed_text(author),
        pubdate=date,
        updateddate=date,  # Atom demands it
        unique_id=name,
        unique_id_is_permalink=name == link,
    )


def answer(feed: SyndicationFeed, kind: str) -> HttpResponse:
    content = feed.writeString("utf-8").encode("utf-8", "replace")
    return HttpResponse(content, content_type=f"application/{kind}+xml; charset=UTF-8")


def feed_text(text: str) -> str:
    """``text`` without the control characters that XML cannot hold."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")
