"""What a pull request is from and into: a reference and where it is now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from repos.models import Repository
from repos.vcs.errors import EmptyRepository, RevisionNotFound
from repos.vcs.types import Refs

TYPES = {"branch": "branch", "tag": "tag", "book": "book", "bookmark": "book", "rev": "rev"}
_WRITTEN = re.compile(r"(?P<type>[a-z]+):(?P<name>.+?)(?::(?P<raw_id>[0-9a-f]{40}))?", re.DOTALL)


@dataclass(frozen=True)
class Reference:
    type: str  # branch, tag, book; rev: a changeset, such as a head without a name, or what it was amended to
    name: str
    raw_id: str


def parse(text: str) -> tuple[str, str, str | None]:
    """(type, name, raw_id if given) of ``branch:NAME[:HASH]``, ``tag:NAME``, ``book:NAME``, ``rev:HASH``."""
    match = _WRITTEN.fullmatch(text)
    if match is None or match["type"] not in TYPES:
        raise ValidationError(_("reference `%s` must be branch:NAME, tag:NAME, book:NAME or rev:HASH") % text)
    return TYPES[match["type"]], match["name"], match["raw_id"]


def where(repository: Repository, type: str, name: str, refs: Refs | None = None) -> str | None:
    """The raw_id that a reference is at now; ``None`` where it is gone.

    A "rev" moves only when its changeset was amended and the like. It is none if it is only kept here for a pull
    request: not everybody may see where that is from. ``refs``: those of the repository, if they are at hand.
    """
    if type != "rev":
        return tips(refs or repository.vcs.refs(), type).get(name)
    if re.fullmatch(r"[0-9a-f]{40}", name) is None:
        return None
    try:
        return repository.vcs.successor(name)
    except (RevisionNotFound, EmptyRepository):
        return None


def tips(refs: Refs, type: str) -> Mapping[str, str]:
    """Name -> raw_id of the references of a type; none of "rev"."""
    names = {"branch": refs.closed_branches | refs.branches, "tag": refs.tags, "book": refs.bookmarks}
    return names.get(type, {})


def resolve(repository: Repository, type: str, name: str, raw_id: str | None = None) -> Reference:
    """Where a reference is now, or at an earlier changeset ``raw_id`` of it.

    Raises:
        ValidationError: there is no such reference, or ``raw_id`` is not among its changesets.
    """
    tip = where(repository, type, name)
    if tip is None:
        raise ValidationError(_("%(type)s `%(name)s` does not exist") % {"type": type, "name": name})
    if raw_id is not None and raw_id != tip:
        try:
            outside = repository.vcs.missing(repository.path, raw_id, tip)
        except (RevisionNotFound, EmptyRepository):
            outside = [raw_id]
        if outside:
            raise ValidationError(
                _("changeset %(raw_id)s is not in %(type)s `%(name)s`") % {"raw_id": raw_id, "type": type, "name": name}
            )
    return Reference(type, name, raw_id or tip)
