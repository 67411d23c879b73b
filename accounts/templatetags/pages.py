"""Template tags for every page."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts import journal

register = template.Library()


@register.simple_tag
def when(moment: datetime | int | None) -> str:
    """A moment (or seconds since 1970) in the server's zone, with the exact time on hover.

    The page's script turns it into the visitor's zone.
    """
    if moment is None:
        return ""
    if isinstance(moment, int):
        moment = datetime.fromtimestamp(moment, UTC)
    local = timezone.localtime(moment)
    exact = local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, local.strftime("%Y-%m-%d %H:%M")
    )


@register.simple_tag(takes_context=True)
def query(context: template.Context, /, **changes: object) -> str:
    """The present query string with some values changed (empty ones removed), for links that keep the rest."""
    request: HttpRequest = context["request"]
    values = {key: value for key, value in request.GET.items() if key != "api_key"}
    values |= {key: str(value) for key, value in changes.items()}
    return "?" + urlencode({key: value for key, value in values.items() if value != ""}, errors="surrogateescape")


@register.simple_tag(takes_context=True)
def here(context: template.Context, name: str) -> SafeString:
    """The address of a page of the site's own, for a link that says when it is the page one is on."""
    url = reverse(name)
    is_here = "request" in context and context["request"].path == url
    return format_html('href="{}"{}', url, mark_safe(' aria-current="page"') if is_here else "")


@register.inclusion_tag("includes/pages.html", takes_context=True)
def pages(context: template.Context, page_object: object) -> dict[str, object]:
    """Links to the other pages of a list."""
    return {"page": page_object, "request": context["request"]}


@register.inclusion_tag("includes/form.html")
def fields(form: object) -> dict[str, object]:
    """The fields of a form, each with its label, help and errors."""
    return {"form": form}


register.filter("deed", journal.words)


@register.filter
def kibi(size: int | None) -> str:
    """A number of bytes for people."""
    if size is None:
        return ""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


@register.simple_tag
def person(author: str) -> SafeString:
    """An author as recorded, ``Name <mail>``: the name, with all of it on hover."""
    name = author.partition("<")[0].strip() or author.strip("<> ")
    return format_html('<bdi class="person" title="{}">{}</bdi>', author, name)
