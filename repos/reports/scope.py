"""Which repositories a report may speak of."""

from __future__ import annotations

from typing import Literal

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.permissions import Level
from repos.models import Repository, RepositoryGroup

Kind = Literal["", "hg", "git"]


def administrated(actor: Actor, group: str = "", kind: str = "", repository: str = "") -> QuerySet[Repository]:
    """The repositories that somebody administrates, of one group with everything below it, of one kind, or one.

    Raises:
        ValidationError: there is no such group, or no such repository, for ``actor``.
    """
    found = Repository.objects.all().visible_to(actor, Level.ADMIN)
    errors = {}
    if group:
        found = found.filter(Q(group__name=group) | Q(group__name__startswith=f"{group}/"))
        seen = RepositoryGroup.objects.all().visible_to(actor).filter(name=group)
        if not (seen.exists() or found.exists()):
            errors["group"] = _("There is no such repository group.")
    if repository:
        found = found.filter(name=repository)
        if not errors and not found.exists():
            errors["repository"] = _("There is no such repository among those that you administrate.")
    if errors:
        raise ValidationError(errors)
    return found.filter(kind=kind) if kind else found
