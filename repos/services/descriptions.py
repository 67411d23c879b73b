"""Descriptions in the languages of the site."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from repos.models import Repository, RepositoryGroup

LANGUAGES: tuple[str, ...] = settings.MODELTRANSLATION_LANGUAGES
COLUMNS = ("description", *(f"description_{code}" for code in LANGUAGES))


def describe(
    row: Repository | RepositoryGroup, text: str | None, texts: Mapping[str, str] | None, *, empty: str | None = None
) -> dict[str, str]:
    """Set ``text`` as the description in the present language and ``texts`` by language; the columns that changed.

    ``empty``: the description where none is given at all.
    """
    new = {} if text is None else {"description": text}
    new |= {f"description_{code}": given for code, given in (texts or {}).items()}
    if empty is not None and not any(new.values()):
        new = {"description": empty}
    changed = {column: given for column, given in new.items() if (getattr(row, column) or "") != given}
    for column, given in changed.items():
        setattr(row, column, given)
    return changed
