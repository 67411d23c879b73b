"""The admin panel's site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_noop
from unfold.sites import UnfoldAdminSite

from accounts.middleware import ActorRequest
from accounts.pages import refuse

#: The panel's widgets evaluate expressions in attributes, and its colours are a style in the page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

#: What the panel's theme says and knows no German for.
OF_THE_THEME = (
    gettext_noop("Apply Filters"),
    gettext_noop("Dark"),
    gettext_noop("Filters"),
    gettext_noop("Go back"),
    gettext_noop("Light"),
    gettext_noop("No results found"),
    gettext_noop("No results matching your query"),
    gettext_noop("Reset filters"),
    gettext_noop("Search apps and models..."),
    gettext_noop("Select action"),
    gettext_noop("Select action to run"),
    gettext_noop("Select all rows"),
    gettext_noop("Select record"),
    gettext_noop("Select value"),
    gettext_noop("System"),
    gettext_noop("This page yielded into no results. Create a new item or reset your filters."),
    gettext_noop("Toggle password visibility"),
    gettext_noop("Type to search"),
)


class AdminSite(UnfoldAdminSite):
    """Unfold's site at ``/_admin/``, for administrators, with its own sign-in and rules of addresses and keys."""

    #: What is not there is 404, also for clients that post to a misspelt address of the API without a CSRF token.
    final_catch_all_view = False

    def has_permission(self, request: HttpRequest) -> bool:
        return cast("ActorRequest", request).actor.is_admin

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request):
                return refuse(request)
            if any("\0" in value for name in request.GET for value in request.GET.getlist(name)):
                raise BadRequest("PostgreSQL takes no NUL")
            response = inner(request, *args, **kwargs)
            response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            return response

        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return HttpResponseRedirect(reverse("admin:index")) if self.has_permission(request) else refuse(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return HttpResponseRedirect(reverse("my_account_password"))
