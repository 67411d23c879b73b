"""Template tags for pages of repositories."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from repos.models import Repository
from repos.views.base import address

register = template.Library()

register.simple_tag(address, name="address")


@register.simple_tag
def name_path(name: str) -> SafeString:
    """A repository's or group's name, every part a link to what it names."""
    parts = name.split("/")
    links = [(address("/".join(parts[: count + 1])), part) for count, part in enumerate(parts)]
    return format_html_join(" / ", '<a href="{}"><bdi>{}</bdi></a>', links)


@register.simple_tag
def changeset_link(repository: Repository, raw_id: str) -> SafeString:
    """The short id, linked to the changeset's page."""
    return format_html('<a class="mono" href="{}">{}</a>', address(repository, "changeset", raw_id), raw_id[:12])


@register.filter
def first_line(message: str) -> str:
    return next((line for line in message.splitlines() if line.strip()), "")


@register.filter
def later_lines(message: str) -> str:
    """A message without its first line."""
    return message.strip().partition("\n")[2].strip("\n")


@register.filter
def base_name(path: str) -> str:
    return path.rpartition("/")[2]


@register.filter
def parent_of(crumbs: list[tuple[str, str]]) -> str:
    """The path of the folder above the last of ``crumbs``."""
    return crumbs[-2][1] if len(crumbs) > 1 else ""


@register.filter
def more_context(lines: int) -> int:
    return min(max(lines * 4, 10), 1000)


@register.filter
def wordlist(text: str) -> list[str]:
    return text.split()
