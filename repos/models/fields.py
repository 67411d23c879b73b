"""Fields that keep secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from accounts import crypto
from repos.vcs.remote import scrub

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_PURPOSE = "remote-address"


class RemoteAddressField(models.CharField):  # type: ignore[type-arg]  # which are there for type checkers only
    """The address of a repository elsewhere, which may hold a password.

    The database then has the address without it, and after a space all of it, encrypted: what reads tables directly, or
    steals a backup, learns no password. Where the site's secret has changed since, the address is left without it.
    """

    @staticmethod
    def without_password(stored: str) -> str:
        """The address of a column's value."""
        return scrub(stored.partition(" ")[0])

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "text"  # longer than the address

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if not value or (bare := scrub(value)) == value:
            return value
        return f"{bare} {crypto.encrypt(value, _PURPOSE)}"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        bare, space, token = (value or "").partition(" ")
        return value if not space else crypto.decrypt(token, _PURPOSE) or bare
