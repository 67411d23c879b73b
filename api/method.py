"""What an API method is: a typed function plus who may call it, checked and called the same way in both dialects.

A method is written as ::

    namespace = ApiNamespace()

    @namespace.method(admin=True)
    def delete_user(actor: Actor, userid: Id) -> JsonObject:
        '''Delete a user. ...'''

The first parameter is the actor; the others are the method's arguments on the wire, by their wire names. Their
annotations say how a value is read (:data:`COERCIONS`); a default makes an argument optional; ``from_`` is ``from`` on
the wire. Every method takes ``lang`` besides (:mod:`api.language`). A method that answers
full addresses has a keyword-only parameter ``site``: the address under which the client reached the site, without a
slash at the end.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.http import HttpRequest
from django.urls import get_script_prefix
from modernrpc import RpcNamespace, RpcRequestContext

from accounts.actors import Actor
from accounts.metrics import note_call
from api import language
from api.errors import ApiError, InternalError
from repos.models.lookup import is_storable
from repos.vcs.errors import VcsError

logger = logging.getLogger(__name__)

JsonObject = dict[str, Any]
#: A number or a name, as the client sent it; the lookup says "`x` does not exist" for everything else.
Id = Annotated[Any, "number or name"]
#: Text that is taken as it was sent: the method has a sentence of its own for everything else.
Text = Annotated[Any, "text"]
#: Users as :data:`Id`, alone or in a list.
Users = Annotated[Any, "number or name, or a list"]

#: Arguments that have a second, published spelling.
SPELLINGS = {"usersgroupid": "usergroupid"}
#: Other names under which clients send the ``pullrequestid`` of the methods that are named as RhodeCode's.
PULL_REQUEST_SPELLINGS = {"pull_request_id": "pullrequestid", "pullrequest_id": "pullrequestid"}

#: An argument of every method: the language of descriptions.
LANG = "lang"

CONTEXT = "rpc_context_"  # the library hands the request's context over under this name
LONGEST_TEXT = 1_000_000  # characters of one text argument


@dataclass(frozen=True)
class RawJson:
    """A result that is JSON text already, in pieces: large answers are streamed."""

    pieces: Iterable[bytes]


@dataclass(frozen=True, eq=False)
class Method:
    """One method of the API."""

    name: str
    function: Callable[..., Any]
    admin: bool = False
    failure: str = ""  # what to answer instead of a complaint about a value; arguments in braces
    spellings: Mapping[str, str] = field(default_factory=dict)
    takes_null: tuple[str, ...] = ()
    target: Callable[[Actor, Any], object] | None = None  # finds what the first argument names, or says why not

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The arguments by wire name, in order, without the actor and the site."""
        first, *rest = inspect.signature(self.function).parameters.values()
        assert first.name == "actor", self.name
        arguments = [parameter for parameter in rest if parameter.kind is not parameter.KEYWORD_ONLY]
        return {parameter.name.rstrip("_"): parameter for parameter in arguments}

    @cached_property
    def wants_site(self) -> bool:
        return "site" in inspect.signature(self.function).parameters and "site" not in self.parameters

    @cached_property
    def types(self) -> dict[str, Any]:
        return get_type_hints(self.function)

    @cached_property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""

    def call(self, actor: Actor, arguments: Mapping[str, Any], site: str = "") -> Any:
        """Check the arguments, then the right to call, then run.

        Raises:
            ApiError: the text to answer. Every other exception of the method is logged and becomes ``InternalError``.
        """
        given = self.bind(arguments)
        if self.admin and not actor.is_admin:
            raise ApiError(access_denied(self.name))
        try:
            return self.function(actor, **self.read(actor, given), **({"site": site} if self.wants_site else {}))
        except ApiError:
            raise
        except ValidationError as error:
            raise self.invalid("; ".join(error.messages), given) from error
        except PermissionDenied as error:
            raise ApiError(str(error) or "access denied") from error
        except ObjectDoesNotExist as error:
            raise ApiError(str(error)) from error
        except VcsError as error:
            raise self.invalid(str(error), given) from error
        except Exception as error:
            logger.exception("API method %s failed", self.name)
            raise InternalError from error

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by their own names, none missing, none unknown."""
        given = {self._own_name(name): value for name, value in arguments.items()}
        missing = [
            name
            for name, parameter in self.parameters.items()
            if parameter.default is parameter.empty and name not in given
        ]
        if missing:  # with several, Kallithea names the last
            raise ApiError(f"Missing non optional `{missing[-1]}` arg in JSON DATA", code=-32602)
        unknown = sorted(name for name in given if name not in self.parameters)
        if unknown:
            raise ApiError(f"Unknown {', '.join(f'`{name}`' for name in unknown)} arg in JSON DATA", code=-32602)
        return given

    def read(self, actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them. Null for an optional one means "not given" (CONTRACT E8).

        What the first one names is missed before another one's value is complained about, as where a method looks it
        up first and reads values when it stores them.
        """
        values: dict[str, Any] = {}
        wrong: ApiError | None = None
        for name, parameter in self.parameters.items():
            needed = name in self.takes_null or parameter.default is parameter.empty
            if name not in given or (given[name] is None and not needed):
                continue
            try:
                values[parameter.name] = coerce(name, given[name], self.types[parameter.name])
            except ApiError as error:
                wrong = wrong or error
        if wrong is None:
            return values
        first = next(iter(self.parameters))
        if self.target is not None and first in values:
            self.target(actor, values[first])
        raise self.invalid(wrong.message, given) from wrong

    def invalid(self, reason: str, given: Mapping[str, Any]) -> ApiError:
        """What failed for a value or a tool: the reason, or the sentence that clients know with the reason as data."""
        if not self.failure:
            return ApiError(reason, code=-32602)
        logger.info("%s: %s", self.name, reason)
        return ApiError(self.failure.format_map(given), code=-32602, data=reason)

    def _own_name(self, name: str) -> str:
        spelling = self.spellings.get(name) or SPELLINGS.get(name)
        return spelling if spelling in self.parameters and name not in self.parameters else name


def access_denied(name: str) -> str:
    """What a method for administrators answers everybody else (CONTRACT D16)."""
    return f"access denied: {name} needs administrator rights"


# -- reading values ------------------------------------------------------------------------------------------------


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        return value.strip().lower() in {"true", "1", "yes", "on"}
    raise ValueError("must be true or false")


def _int(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    if abs(value) >= 2**63:
        raise ValueError("is out of range")
    return value


def _str(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be text")
    return str(value)


def unpacked(value: Any) -> Any:
    """What text holds as JSON, if that is a list or an object: the command line cannot send one in another way."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError, RecursionError):
            found = json.loads(value)
            _check_text(found)
            return found
    return value


def _list(value: Any) -> list[Any]:
    value = unpacked(value)
    if isinstance(value, str):  # the command line can only send text
        return [item.strip() for item in value.split(",") if item.strip()]
    if not isinstance(value, list):
        raise ValueError("must be a list")
    return value


def _dict(value: Any) -> dict[str, Any]:
    value = unpacked(value)
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


#: How a value of each annotated type is read; ``Any`` takes it as it is. The command line sends everything as text.
COERCIONS: dict[Any, Callable[[Any], Any]] = {bool: _bool, int: _int, str: _str, list: _list, dict: _dict}


def coerce(name: str, value: Any, annotation: Any) -> Any:
    """``value`` as the annotated type, or an ``ApiError`` that names the argument."""
    try:
        _check_text(value)
        if get_origin(annotation) in (Union, UnionType):
            if value is None:
                return None
            inner = [option for option in get_args(annotation) if option is not NoneType]
            annotation = inner[0] if len(inner) == 1 else Any
        read = COERCIONS.get(get_origin(annotation) or annotation)
        return value if read is None or (value is None and read is not _str) else read(value)
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else error
        raise ApiError(f"Invalid `{name}` arg in JSON DATA: {reason}", code=-32602) from None


def _check_text(value: Any) -> None:
    """No database and no tool takes NUL or half a character, wherever it hides."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"is longer than {LONGEST_TEXT} characters")
        if not is_storable(value):
            raise ValueError("must not contain NUL or unpaired surrogates")
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)


# -- registration --------------------------------------------------------------------------------------------------


class ApiNamespace(RpcNamespace):
    """The methods of one module."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: dict[str, Method] = {}

    def method(
        self,
        *,
        admin: bool = False,
        failure: str = "",
        also: tuple[str, ...] = (),
        spellings: Mapping[str, str] | None = None,
        takes_null: tuple[str, ...] = (),
        target: Callable[[Actor, Any], object] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a function under its name and the names in ``also``.

        Args:
            admin: only for administrators.
            failure: the sentence to answer when a value cannot be used or a tool failed, with required arguments in
                braces; without one the reason itself is answered.
            spellings: further names of arguments, as published -> as in the signature.
            takes_null: optional arguments for which null is a (wrong) value and not "not given" (recorded).
            target: raises when what the first argument names does not exist; asked before a value is complained about.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            for name in (function.__name__, *also):
                method = Method(name, function, admin, failure, spellings or {}, takes_null, target)
                self.methods[name] = method
                self.register_procedure(_procedure(method), name=name, context_target=CONTEXT)
            return function

        return register


def site_address(request: HttpRequest) -> str:
    """The address under which the client reached the site, path prefix included, without a slash at the end."""
    return request.build_absolute_uri(get_script_prefix()).rstrip("/")


def _procedure(method: Method) -> Callable[..., Any]:
    """What the library calls: positional parameters (JSON-RPC 2.0 only) are matched to the signature."""

    def procedure(*positional: Any, **arguments: Any) -> Any:
        context: RpcRequestContext = arguments.pop(CONTEXT)
        if len(positional) > len(method.parameters):
            raise ApiError(f"{method.name} takes at most {len(method.parameters)} arguments", code=-32602)
        named = dict(zip(method.parameters, positional, strict=False)) | arguments
        request = context.request
        started = perf_counter()
        try:
            with language.speaking(_language(method, named)):
                result = method.call(request.actor, named, site_address(request))  # type: ignore[attr-defined]
        except BaseException:
            note_call(method.name, perf_counter() - started, failed=True)
            raise
        if isinstance(result, RawJson):
            return RawJson(_counted(method, result.pieces, started))
        note_call(method.name, perf_counter() - started, failed=False)
        return result

    procedure.__name__ = method.name
    procedure.__doc__ = method.function.__doc__
    return procedure


def _language(method: Method, arguments: dict[str, Any]) -> str:
    """The ``lang`` argument that every method takes, taken out of ``arguments``."""
    code = None if LANG in method.parameters else arguments.pop(LANG, None)
    if code is None:
        return language.in_use()
    if code not in language.LANGUAGES:
        raise ApiError(
            f"Invalid `{LANG}` arg in JSON DATA: must be one of {', '.join(language.LANGUAGES)}", code=-32602
        )
    return str(code)


def _counted(method: Method, pieces: Iterable[bytes], started: float) -> Iterator[bytes]:
    """An answer that is made while it is sent: the call lasts until its end."""
    failed = True
    try:
        yield from pieces
        failed = False
    finally:
        note_call(method.name, perf_counter() - started, failed=failed)
