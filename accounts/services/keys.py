"""API keys: made, reset, revoked; all of it takes effect with the next request."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.addresses import normal_network
from accounts.models import ApiKey, User, new_api_key
from accounts.permissions import Level
from accounts.services import checks
from accounts.services.users import add_builtin_key

FOREVER = -1


def of(actor: Actor, user: User) -> list[ApiKey]:
    """A user's keys, the built-in one first."""
    checks.require_secrets(actor, user)
    return list(user.api_keys.all())


def create(
    *,
    actor: Actor,
    user: User,
    description: str = "",
    lifetime: int = FOREVER,
    level: Level = Level.ADMIN,
    repository_id: int | None = None,
    group_id: int | None = None,
    ip_range: str = "",
) -> ApiKey:
    """Make a further key; its ``value`` is the secret.

    A limited key makes, resets and revokes none, so that nothing wider than itself can come of it.

    Args:
        lifetime: minutes; -1 for ever, 0 or less than -1 is expired at once.
        level: the most that it may be used for.
        repository_id: the only repository it opens.
        group_id: the only repository group it opens, with all that lies below.
        ip_range: the only addresses it may come from.
    """
    checks.require_secrets(actor, user)
    checks.require_real(user)
    if level == Level.NONE:
        raise checks.invalid("scopes", _("A key needs at least the right to read."))
    if repository_id is not None and group_id is not None:
        raise checks.invalid("scopes", _("A key is bound to one repository or one group, not to both."))
    key = ApiKey(user=user, description=description[:1024], level=level, repository_id=repository_id, group_id=group_id)
    key.expires_on = _expiry(lifetime)
    if ip_range:
        network = normal_network(ip_range)
        if network is None:
            raise checks.invalid("ip_range", _("Not an IP address or network: %s") % ip_range)
        key.ip_range = str(network)
    key.set_value(new_api_key())
    with checks.writing():
        key.save()
        journal.record(actor, "create_api_key", user, key=key.pk, description=key.description, level=level.label)
    return key


def reset(*, actor: Actor, user: User) -> ApiKey:
    """Give the built-in key a new value; the old one opens nothing from now on."""
    checks.require_secrets(actor, user)
    checks.require_real(user)
    with checks.writing():
        key = user.api_keys.filter(is_builtin=True).first()
        if key is None:  # imported without one
            key = add_builtin_key(user)
        else:
            key.set_value(new_api_key())
            key.last_used_on, key.last_used_from = None, ""
            key.save()
        journal.record(actor, "reset_api_key", user, key=key.pk)
    return key


def revoke(*, actor: Actor, key: ApiKey) -> None:
    """Delete a further key; the built-in one can only be reset."""
    checks.require_secrets(actor, key.user)
    if key.is_builtin:
        raise checks.invalid("api_key", _("The built-in key cannot be revoked, only reset."), "builtin")
    with checks.writing():
        journal.record(actor, "revoke_api_key", key.user, key=key.pk, description=key.description)
        key.delete()


def _expiry(minutes: int) -> datetime | None:
    if minutes == FOREVER:
        return None
    try:
        return timezone.now() + timedelta(minutes=minutes)
    except OverflowError:
        raise checks.invalid("lifetime", _("That is too long; -1 makes a key that never expires.")) from None
