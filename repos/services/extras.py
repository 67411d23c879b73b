"""Small things around a repository: extra fields, and who follows it."""

from __future__ import annotations

from django.db import transaction

from accounts import journal
from accounts.actors import Actor
from accounts.permissions import Level
from accounts.services.checks import require_voice
from repos.models import ExtraField, Follower, Repository
from repos.services import access


def set_field(
    *, actor: Actor, repository: Repository, key: str, label: str, value: str = "", description: str = ""
) -> ExtraField:
    """Set what the API shows as ``ex_<key>``; what it was is gone."""
    access.require(actor, repository, Level.ADMIN)
    values = {"label": label, "value": value, "description": description}
    with transaction.atomic():
        field, _made = repository.extra_fields.update_or_create(key=key, defaults=values)
        journal.record(actor, "set_field", repository, key=key)
    return field


def remove_field(*, actor: Actor, repository: Repository, field: ExtraField) -> None:
    access.require(actor, repository, Level.ADMIN)
    with transaction.atomic():
        journal.record(actor, "remove_field", repository, key=field.key)
        field.delete()


def follow(*, actor: Actor, repository: Repository, wanted: bool) -> None:
    """Begin or stop to see the repository's news. Said twice is said once; nobody else is told."""
    access.require(actor, repository, Level.READ)
    require_voice(actor)
    if wanted:
        Follower.objects.get_or_create(user=actor.user, repository=repository)
    else:
        repository.followers.filter(user=actor.user).delete()
