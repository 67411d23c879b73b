"""The site's default permissions, applied also to repositories and repository groups that exist."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from accounts.actors import Actor
from accounts.services import defaults
from repos.models import REPOSITORY_GROUP_TARGET, REPOSITORY_TARGET, Repository, RepositoryGroup


def update(
    *, actor: Actor, permissions: Mapping[str, str], anonymous: bool | None = None, overwrite: bool = False
) -> None:
    """Set the given kinds of the default user's permissions (:data:`accounts.permissions.GLOBAL_PERMISSIONS`).

    Args:
        anonymous: whether visitors without an account may come in.
        overwrite: give everybody the ``repository``, ``group`` and ``usergroup`` levels among ``permissions`` on all
            objects that exist too; private repositories stay as they are.
    """
    with transaction.atomic():
        defaults.update(actor=actor, permissions=permissions, anonymous=anonymous, overwrite=overwrite)
        if overwrite and "repository" in permissions:
            public = Repository.objects.filter(is_private=False)
            defaults.grant_everybody(REPOSITORY_TARGET, public, defaults.level_of(permissions["repository"]))
        if overwrite and "group" in permissions:
            groups = RepositoryGroup.objects.all()
            defaults.grant_everybody(REPOSITORY_GROUP_TARGET, groups, defaults.level_of(permissions["group"]))
