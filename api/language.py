"""In which language the API reads and writes descriptions. Its own texts are English always: programs compare them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language, get_language_from_request

LANGUAGES: tuple[str, ...] = settings.MODELTRANSLATION_LANGUAGES

_chosen: ContextVar[str | None] = ContextVar("language of descriptions", default=None)


def in_use() -> str:
    """The ``lang`` argument, else what the client accepts, else the site's language."""
    return _known(_chosen.get() or get_language() or settings.LANGUAGE_CODE)


def accepted(request: HttpRequest) -> str:
    """What the client accepts, else the site's language."""
    return _known(get_language_from_request(request))


def _known(code: str) -> str:
    """The language that descriptions have for ``de`` or ``de-at``."""
    language = code.partition("-")[0]
    return language if language in LANGUAGES else str(settings.MODELTRANSLATION_DEFAULT_LANGUAGE)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Descriptions are read and written in ``code`` inside the block."""
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


def columns() -> list[str]:
    """The columns of a description: the language in use first, then those that stand in for it."""
    return [f"description_{code}" for code in dict.fromkeys((in_use(), *LANGUAGES))]


def description_of(row: Any) -> str:
    """The description in the language in use, or in the first other one that has a text."""
    return next((text for column in columns() if (text := getattr(row, column))), "")


def described(text: str | None) -> dict[str, str] | None:
    """A description that was sent, as the services take it: by language."""
    return None if text is None else {in_use(): text}
