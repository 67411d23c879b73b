"""The endpoint ``/_admin/api``: one registry of methods, two dialects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from modernrpc import RpcRequestContext, RpcServer

from api import language
from api.method import ApiNamespace, Method
from api.methods import NAMESPACES
from api.protocol import answer

ADDRESS = "/_admin/api"
METHODS = ("GET", "HEAD", "POST")


class ApiServer(RpcServer):
    """The library's server, opened to what Kallithea's clients send: any content type, GET with a body, no body."""

    def __init__(self, namespaces: tuple[ApiNamespace, ...]) -> None:
        super().__init__(register_system_procedures=False)
        self.methods: dict[str, Method] = {}
        for namespace in namespaces:
            self.register_namespace(namespace)
            self.methods |= namespace.methods

    def handle(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        try:
            body = request.body
        except RequestDataTooBig:
            return respond(answer(None, error="Request body is too large"))
        handler = self.get_request_handler(request)
        assert handler is not None  # the last one takes everything
        text = body.decode("utf-8", "replace")
        # Programs compare texts; they get the published ones whatever language they say to accept.
        with language.speaking(language.accepted(request)), translation.override("en"):
            return respond(handler.process_request(text, RpcRequestContext(request, self, handler, handler.protocol)))


def respond(result: Any) -> HttpResponseBase:
    """Bytes and text as they are, a pair with its status (JSON-RPC 2.0), pieces as a stream."""
    if isinstance(result, Iterator):
        return StreamingHttpResponse(result, content_type="application/json")
    status, data = result if isinstance(result, tuple) else (200, result)
    response = HttpResponse(data, status=status, content_type="application/json")
    response.headers["Content-Length"] = str(len(response.content))
    return response


server = ApiServer(NAMESPACES)


class ApiMiddleware:
    """Answers calls of the API before anybody looks for a session or a cookie: a call has its key in itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return server.handle(request) if request.path_info == ADDRESS else self.get_response(request)
