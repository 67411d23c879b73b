"""What every page shares: who may see it, where a visitor signs in, and how HTML leaves the server."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import quote

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.middleware import ActorRequest

P = ParamSpec("P")

#: Characters that reverse the order in which text is shown, so that a name or a line of code reads as another one.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def page(request: HttpRequest, template: str, context: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
    """Render a page. Text that the tools could not decode becomes ``?``, and direction marks become visible."""
    html = _BIDI.sub(lambda match: f"[U+{ord(match[0]):04X}]", render_to_string(template, context, request))
    return HttpResponse(html.encode("utf-8", "replace"), status=status)


def sign_in_redirect(request: HttpRequest) -> HttpResponseRedirect:
    """To the sign-in page, which leads back here. A key in the query is not carried along."""
    query = request.GET.copy()
    query.pop("api_key", None)
    came_from = request.path + (f"?{query.urlencode()}" if query else "")
    target = f"{reverse('login')}?came_from={quote(came_from.encode('utf-8', 'surrogateescape'), safe='')}"
    return HttpResponseRedirect(request.build_absolute_uri(target))


def refuse(request: HttpRequest) -> HttpResponseRedirect:
    """What somebody without the right gets: the sign-in page when anonymous, else 403."""
    if cast("ActorRequest", request).actor.is_anonymous:
        return sign_in_redirect(request)
    raise PermissionDenied


def signed_in(
    view: Callable[Concatenate[ActorRequest, P], HttpResponseBase],
) -> Callable[Concatenate[ActorRequest, P], HttpResponseBase]:
    """A page for people and keys, not for the anonymous visitor."""

    @wraps(view)
    def guarded(request: ActorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return refuse(request) if request.actor.is_anonymous else view(request, *args, **kwargs)

    return guarded
