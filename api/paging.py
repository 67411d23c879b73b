"""The optional ``page`` and ``per_page`` of methods that answer lists."""

from __future__ import annotations

from api.errors import ApiError

PER_PAGE, MOST_PER_PAGE = 100, 10_000
MOST_ENTRIES = 1000  # of a list that has no pages
EVERYTHING = slice(None)
_FAR = 2**62  # beyond the end of every list, and still a number for a database


def window(page: int | None, per_page: int | None) -> slice:
    """The part of a list that is asked for: everything when neither is given, else ``page`` from 1.

    Raises:
        ApiError: one of them is less than 1, or the page too large.
    """
    if page is None and per_page is None:
        return EVERYTHING
    size = positive("per_page", per_page) or PER_PAGE
    if size > MOST_PER_PAGE:
        raise ApiError(f"Invalid `per_page` arg in JSON DATA: must be {MOST_PER_PAGE} or less")
    start = min(((positive("page", page) or 1) - 1) * size, _FAR)
    return slice(start, start + size)


def first(limit: int) -> slice:
    """The first ``limit`` of a list, at most :data:`MOST_ENTRIES`."""
    return slice(max(0, min(limit, MOST_ENTRIES)))


def positive(name: str, number: int | None) -> int | None:
    if number is not None and number < 1:
        raise ApiError(f"Invalid `{name}` arg in JSON DATA: must be 1 or more")
    return number
