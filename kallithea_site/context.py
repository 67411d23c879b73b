"""What every page knows of the site."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.services import site


def settings(request: HttpRequest) -> dict[str, Any]:
    """``site``: title and announcement, asked for only where a page shows them."""
    return {"site": SimpleLazyObject(site.current)}


def title(request: HttpRequest) -> str:
    """The panel's heading."""
    return site.current().title
