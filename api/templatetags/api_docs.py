"""What the page about the API needs to show docstrings."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def marked(text: str) -> SafeString:
    """A text of a docstring: what stands between double backticks is code."""
    words = text.split("``")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", word) if n % 2 else word,) for n, word in enumerate(words))
    )
