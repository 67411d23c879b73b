"""The API's own page: read a method, fill a form made from its signature, run it with one's own rights."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from modernrpc.exceptions import RPCException

from accounts.actors import Actor
from accounts.pages import sign_in_redirect
from api.describe import Description, describe, descriptions
from api.method import Method, RawJson, site_address
from api.protocol import dumps
from api.server import server

LONGEST_ANSWER = 200_000  # characters shown; the API itself answers everything


@never_cache
@require_http_methods(["GET", "POST"])
def docs(request: HttpRequest, name: str = "") -> HttpResponse:
    """``/_admin/api/docs`` lists the methods, ``/_admin/api/docs/<name>`` shows one and runs it on POST."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if actor.is_anonymous:
        return sign_in_redirect(request)
    context: dict[str, Any] = {"descriptions": descriptions()}
    if name:
        method = server.methods.get(name)
        if method is None:
            raise Http404
        context |= _method_page(request, actor, method)
    return render(request, "api/docs.html", context)


def _method_page(request: HttpRequest, actor: Actor, method: Method) -> dict[str, Any]:
    description = describe(method)
    filled = {argument.name: request.POST.get(argument.name, "") for argument in description.arguments}
    page: dict[str, Any] = {
        "method": description,
        "fields": [(argument, filled[argument.name]) for argument in description.arguments],
    }
    if request.method == "POST":
        arguments = {name: _value(description, name, text) for name, text in filled.items() if text != ""}
        page |= _run(actor, method, arguments, site_address(request)) | _examples(method.name, arguments, request)
    return page


def _value(description: Description, name: str, text: str) -> Any:
    """What was typed, as JSON where the argument takes lists, objects or anything; else as text, like the client."""
    argument = next(argument for argument in description.arguments if argument.name == name)
    types = argument.schema.get("type", "object")
    if "array" in types or types == "object":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _run(actor: Actor, method: Method, arguments: dict[str, Any], site: str) -> dict[str, Any]:
    try:
        result = method.call(actor, arguments, site)
        if isinstance(result, RawJson):
            result = json.loads(b"".join(result.pieces))
    except RPCException as error:
        return {"error": error.message}
    text = json.dumps(json.loads(dumps(result)), indent=2, ensure_ascii=False)
    return {"answer": text[:LONGEST_ANSWER], "cut": len(text) > LONGEST_ANSWER}


def _examples(name: str, arguments: dict[str, Any], request: HttpRequest) -> dict[str, str]:
    """The same call for a shell; the key stays with the reader."""
    body = json.dumps({"id": 1, "api_key": "YOUR_KEY", "method": name, "args": arguments}, ensure_ascii=False)
    site = site_address(request)
    texts = [f"{key}:{value if isinstance(value, str) else json.dumps(value)}" for key, value in arguments.items()]
    client = ["kallithea-api", f"--apihost={site}", "--apikey=YOUR_KEY", name, *texts]
    return {
        "curl": f"curl {shlex.quote(site + '/_admin/api')} --data-binary {shlex.quote(body)}",
        "client": shlex.join(client),
    }
