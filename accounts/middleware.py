"""Puts ``request.actor`` on every request: the key's owner, the signed-in person, or the anonymous visitor."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils.functional import SimpleLazyObject

from accounts.actors import Actor
from accounts.authentication import (
    AuthenticationFailed,
    TooManyFailures,
    actor_for_key,
    address_allowed,
    bearer_key,
    client_address,
)
from accounts.models import User


class ActorRequest(HttpRequest):
    """A request as views see it."""

    actor: Actor


class ActorMiddleware:
    """A key wins over a session, and a wrong one is refused whatever the page (403, or 429 after too many)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = bearer_key(request)
        if key is None:
            request.actor = SimpleLazyObject(lambda: session_actor(request))  # type: ignore[attr-defined]
            return self.get_response(request)
        try:
            actor = actor_for_key(key, client_address(request))
        except TooManyFailures as error:
            return HttpResponse(
                str(error),
                status=429,
                content_type="text/plain; charset=utf-8",
                headers={"Retry-After": str(error.retry_after)},
            )
        except AuthenticationFailed as error:
            return HttpResponseForbidden(str(error), content_type="text/plain; charset=utf-8")
        request.actor, request.user = actor, actor.user  # type: ignore[attr-defined]
        # No cookie is involved: whose page made the browser send this has the key, and can do all of it anyway.
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return self.get_response(request)


def session_actor(request: HttpRequest) -> Actor:
    """The signed-in person, if still active and at an allowed address; else the anonymous visitor."""
    address = client_address(request)
    if request.user.is_authenticated and address_allowed(request.user, address):
        return Actor(user=request.user, address=address)
    return Actor(user=User.objects.default(), address=address)
