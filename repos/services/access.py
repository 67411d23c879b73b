"""What every service asks first: may this actor do that?"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import GlobalGrant, SiteSettings
from accounts.permissions import CREATE_REPOSITORY, DEFAULT_USER_ID, FORK_REPOSITORY, Level
from accounts.services import site
from repos.models import Repository, RepositoryGroup


def require(actor: Actor, target: Repository | RepositoryGroup, level: Level) -> None:
    """``PermissionDenied`` unless ``actor`` has at least ``level``."""
    if not type(target).objects.filter(pk=target.pk).visible_to(actor, level).exists():
        raise PermissionDenied(
            _("%(level)s permission on %(name)s is needed") % {"level": level.label, "name": target.name}
        )


def require_not_archived(repository: Repository) -> None:
    """What every way to bring changesets in asks, after the level."""
    if repository.is_archived:
        raise ValidationError(_("The repository is archived; nothing comes in any more."))


def require_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise PermissionDenied(_("administrator rights are needed"))


def may_create_in(actor: Actor, group: RepositoryGroup | None) -> bool:
    """At the top it takes the global permission, in a group write permission on it."""
    if group is None:
        return actor.may(CREATE_REPOSITORY)
    return RepositoryGroup.objects.filter(pk=group.pk).visible_to(actor, Level.WRITE).exists()


def may_create_somewhere(actor: Actor) -> bool:
    """Whether there is any place for a new repository; at most two queries."""
    if actor.is_anonymous:
        return False
    return may_create_in(actor, None) or RepositoryGroup.objects.all().visible_to(actor, Level.WRITE).exists()


def may_fork(actor: Actor) -> bool:
    """Whether the actor may fork what it may read, and has a place for the fork."""
    return actor.may(FORK_REPOSITORY) and may_create_somewhere(actor)


def may_clone_from_elsewhere(actor: Actor) -> bool:
    """Whether the actor may make the server connect to other hosts."""
    return actor.is_admin or site.current().clone_uri_allowed_to == SiteSettings.CloneUri.ALL


def default_level(kind: str) -> Level:
    """What everybody gets on a new ``repository`` or ``group``."""
    row = GlobalGrant.objects.filter(user_id=DEFAULT_USER_ID, kind=kind).first()
    return Level[row.permission.rpartition(".")[2].upper()] if row is not None else Level.NONE
