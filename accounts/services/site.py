"""What administrators decide about the whole site; read in most requests, so kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.models import SITE_SETTINGS_ID, SiteSettings
from accounts.services import checks, defaults

KEY = "site-settings"
REMEMBERED = 60  # seconds: how long another process may still see what was
LONGEST_SESSION = 24 * 366  # hours


def current() -> SiteSettings:
    """The settings; at most one query, and none while the cache has them."""
    found: SiteSettings | None = cache.get(KEY)
    if found is None:
        found = stored()
        cache.set(KEY, found, REMEMBERED)
    return found


def stored() -> SiteSettings:
    """The row itself, or what holds while there is none."""
    return SiteSettings.objects.filter(pk=SITE_SETTINGS_ID).first() or SiteSettings(pk=SITE_SETTINGS_ID)


def update(
    *,
    actor: Actor,
    title: str | None = None,
    announcements: Mapping[str, str] | None = None,
    enable_downloads: bool | None = None,
    clone_uri_allowed_to: str | None = None,
    session_hours: int | None = None,
    registration: str | None = None,
) -> SiteSettings:
    """Change what is given.

    Args:
        announcements: by language; empty takes it away.
        registration: one of the permissions ``hg.register.*``, which becomes everybody's.
    """
    checks.require_admin(actor)
    row = stored()
    given: dict[str, Any] = {
        "title": title,
        "enable_downloads": enable_downloads,
        "clone_uri_allowed_to": clone_uri_allowed_to,
        "session_hours": session_hours,
    } | {f"announcement_{code}": text for code, text in (announcements or {}).items()}
    if title is not None and not checks.clean_line("title", title).strip():
        raise checks.invalid("title", _("A title is needed."))
    if clone_uri_allowed_to is not None and clone_uri_allowed_to not in SiteSettings.CloneUri.values:
        raise checks.invalid("clone_uri_allowed_to", _("There is no such choice."))
    if session_hours is not None and not 0 < session_hours <= LONGEST_SESSION:
        raise checks.invalid("session_hours", _("Between 1 and %d hours are possible.") % LONGEST_SESSION)
    wanted = {name: value for name, value in given.items() if value is not None}
    changed = {name: value for name, value in wanted.items() if (getattr(row, name) or type(value)()) != value}
    with checks.writing():
        for name, value in changed.items():
            setattr(row, name, value)
        row.save()
        journal.record(actor, "update_site_settings", row, **changed)
        if registration is not None and registration != defaults.current()["hg.register"]:
            defaults.update(actor=actor, permissions={"hg.register": registration})
        transaction.on_commit(lambda: cache.delete(KEY))
    return row
