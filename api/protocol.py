"""The two dialects of ``/_admin/api``: Kallithea's envelope (CONTRACT.md E) and JSON-RPC 2.0."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest
from modernrpc import Protocol, RpcRequestContext
from modernrpc.exceptions import RPCException, RPCInvalidRequest, RPCMethodNotFound
from modernrpc.handler import RpcHandler
from modernrpc.jsonrpc.backends.marshalling import Unmarshaller
from modernrpc.jsonrpc.handler import JsonRpcHandler, JsonRpcRequest, JsonRpcResult
from modernrpc.types import RpcErrorResult, RpcRequest, RpcSuccessResult

from accounts.authentication import AuthenticationFailed, actor_for_key, bearer_key, client_address
from api.errors import ApiError
from api.method import RawJson

MOST_CALLS = 1000  # in one batch
KEY_MEMBERS = ("api_key", "auth_token")  # the second is what RhodeCode's clients send


def parse(request: HttpRequest) -> Any:
    """The body as JSON, in whichever UTF it comes and whatever its content type says; read once per request.

    Raises:
        ValueError: it is none.
    """
    try:
        return request.rpc_payload  # type: ignore[attr-defined]
    except AttributeError:
        pass
    try:
        text = request.body.removeprefix(b"\xef\xbb\xbf")
        payload = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    request.rpc_payload = payload  # type: ignore[attr-defined]
    return payload


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # it could not be answered in JSON
        raise ValueError("a number is out of range")
    return number


def dumps(value: Any) -> bytes:
    """JSON on one line. File names that are not UTF-8 get replacement characters, numbers may be of any size."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


class KallitheaHandler(RpcHandler[RpcRequest]):
    """``{id, api_key, method, args}`` -> ``{id, result, error}``, always HTTP 200.

    The order of the checks and every text is recorded: body, JSON, members (api_key, id, method, args), key, method
    name, arguments, the method itself.
    """

    protocol = Protocol.JSON_RPC
    response_content_type = "application/json"
    success_result_type = RpcSuccessResult[RpcRequest]
    error_result_type = RpcErrorResult[RpcRequest]

    @classmethod
    def can_handle(cls, request: HttpRequest) -> bool:
        """Everything that is not JSON-RPC 2.0, whatever its content type."""
        return True

    def process_request(self, request_body: str, context: RpcRequestContext) -> Any:
        request = context.request
        if not request.body:
            said = request.method == "POST" or request.META.get("CONTENT_LENGTH")  # a POST without one has 0 (recorded)
            return answer(None, error="Content-Length is 0" if said else "No Content-Length in request")
        try:
            payload = parse(request)
        except ValueError as error:
            return answer(None, error=f"JSON parse error ERR:{error}")
        return self.process_payload(payload, context)

    async def aprocess_request(self, request_body: str, context: RpcRequestContext) -> Any:
        raise NotImplementedError("the API is served by WSGI workers")

    def process_payload(self, payload: Any, context: RpcRequestContext) -> bytes | Iterator[bytes]:
        if not isinstance(payload, dict):
            return answer(None, error="Incorrect JSON query: not an object")
        key_member = next((name for name in KEY_MEMBERS if name in payload), "api_key")
        request_id = None
        for member in (key_member, "id", "method", "args"):
            if member not in payload:
                return answer(request_id, error=f"Incorrect JSON query missing '{member}'")
            if member == "id":
                request_id = payload["id"]
        try:
            context.request.actor = actor_for_key(payload[key_member], client_address(context.request))  # type: ignore[attr-defined]
            return answer(request_id, self.call(payload["method"], payload["args"], context))
        except AuthenticationFailed as error:
            return answer(request_id, error=str(error))
        except RPCException as error:
            return answer(request_id, error=error.message)

    def call(self, name: Any, arguments: Any, context: RpcRequestContext) -> Any:
        if not isinstance(name, str):
            raise ApiError("Incorrect JSON query: 'method' must be text")
        if name.startswith("_"):
            raise ApiError("Method not allowed")
        try:
            procedure = context.server.get_procedure_wrapper(name, self.protocol)
        except RPCMethodNotFound:
            raise ApiError(f"No such method: {name}") from None
        # Anything that is no object counts as no arguments.
        return procedure.execute(context, kwargs=dict(arguments) if isinstance(arguments, dict) else {})


def answer(request_id: Any, result: Any = None, error: str | None = None) -> bytes | Iterator[bytes]:
    """The envelope. The id goes back with its type and value (any JSON, numbers of any size)."""
    head = b'{"id":' + json.dumps(request_id).encode() + b',"result":'
    tail = b',"error":' + json.dumps(error).encode() + b"}"
    if isinstance(result, RawJson):
        return _streamed(head, result.pieces, tail)
    return head + dumps(result) + tail


def _streamed(head: bytes, pieces: Iterable[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from pieces
    yield tail


class JsonRpc2Handler(JsonRpcHandler):
    """JSON-RPC 2.0, single and batch, by the library; the key comes as ``Authorization: Bearer``."""

    @classmethod
    def can_handle(cls, request: HttpRequest) -> bool:
        try:
            payload = parse(request)
        except ValueError:
            return False
        if isinstance(payload, list):
            return any(isinstance(member, dict) and "jsonrpc" in member for member in payload)
        return isinstance(payload, dict) and "jsonrpc" in payload and not any(name in payload for name in KEY_MEMBERS)

    def process_request(self, request_body: str, context: RpcRequestContext) -> Any:
        request = context.request
        payload = parse(request)
        try:
            request.actor = actor_for_key(bearer_key(request) or "", client_address(request))  # type: ignore[attr-defined]
        except AuthenticationFailed as error:
            asked = payload.get("id") if isinstance(payload, dict) else None
            return self.serializer.dumps(self._refused(-32001, str(error), asked))
        if isinstance(payload, list):
            if len(payload) > MOST_CALLS:
                return self.serializer.dumps(self._refused(-32600, f"a batch has at most {MOST_CALLS} calls"))
            results = [result for member in payload if (result := self._answer(member, context)) is not None]
            return self.serializer.dumps(results) if results else (HTTPStatus.NO_CONTENT, "")
        result = self._answer(payload, context)
        return self.serializer.dumps(result) if result is not None else (HTTPStatus.NO_CONTENT, "")

    def _answer(self, payload: Any, context: RpcRequestContext) -> JsonRpcResult | None:
        """What one request, alone or of a batch, is answered; notifications are answered nothing."""
        try:
            if not isinstance(payload, dict) or not isinstance(payload.get("method", ""), str):
                raise RPCInvalidRequest("a request is an object whose method is text")
            rpc_request = Unmarshaller().dict_to_request(payload)
        except RPCException as error:
            return self._refused(error.code, error.message)
        result = self.process_single_request(rpc_request, context)
        return None if rpc_request.is_notification else result

    def _refused(self, code: int, message: str, asked: Any = None) -> JsonRpcResult:
        request_id = asked if isinstance(asked, str | int | float) else None
        return self.build_error_result(JsonRpcRequest(request_id=request_id, method_name=""), code, message)

    def process_single_request(self, rpc_request: JsonRpcRequest, context: RpcRequestContext) -> Any:
        if rpc_request.method_name == "rpc.discover":
            from api.describe import openrpc

            return self.build_success_result(rpc_request, openrpc())
        result = super().process_single_request(rpc_request, context)
        if isinstance(result, RpcSuccessResult) and isinstance(result.data, RawJson):
            result.data = json.loads(b"".join(result.data.pieces))
        return result
