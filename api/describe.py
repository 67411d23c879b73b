"""The API's description of itself, made from signatures and docstrings.

One source for ``docs/api.md``, ``get_method``, the OpenRPC document and the page ``/_admin/api/docs``. A method's
docstring has a summary, a line ``Needs: <permission>``, and the sections ``Args:``, ``Returns:`` and ``Raises:``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from api.method import SPELLINGS, Method, access_denied

#: How a type reads to people, and as JSON Schema.
TYPES: dict[Any, tuple[str, dict[str, Any]]] = {
    bool: ("true or false", {"type": "boolean"}),
    int: ("whole number", {"type": "integer"}),
    str: ("text", {"type": "string"}),
    list: ("list", {"type": "array"}),
    dict: ("object", {"type": "object"}),
    "text": ("text", {"type": "string"}),
    "number or name": ("number or name", {"type": ["integer", "string"]}),
    "number or name, or a list": ("number or name, or a list", {"type": ["integer", "string", "array"]}),
    Any: ("any", {}),
}

_SECTION = re.compile(r"^(Args|Returns|Raises):\s*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+):\s+(.*)$")
_ERROR = re.compile(r"^(\S.*):\s+(.*)$")  # at the last colon: the text of an error may have some of its own


@dataclass(frozen=True)
class Argument:
    """One argument as the documentation shows it."""

    name: str
    type: str
    schema: Mapping[str, Any]
    required: bool
    default: Any
    text: str
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """Everything that a method's signature and docstring say."""

    name: str
    summary: str
    details: str
    needs: str
    arguments: tuple[Argument, ...]
    returns: str
    errors: tuple[tuple[str, str], ...]  # text of the error, when it is answered

    @property
    def signature(self) -> str:
        parts = [a.name if a.required else f"{a.name}={literal(a.default)}" for a in self.arguments]
        return f"{self.name}({', '.join(parts)})"


def literal(value: Any) -> str:
    """A default as JSON has it."""
    return {None: "null", True: "true", False: "false"}.get(value) or (
        f'"{value}"' if isinstance(value, str) else str(value)
    )


@cache
def describe(method: Method) -> Description:
    head, sections = _split(inspect.getdoc(method.function) or "")
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", head) if paragraph.strip()]
    needs = next((p.removeprefix("Needs: ") for p in paragraphs if p.startswith("Needs: ")), "")
    texts = [p for p in paragraphs if not p.startswith("Needs: ")]
    entries = dict(_entries(sections.get("Args", ""), _ARGUMENT))
    return Description(
        name=method.name,
        summary=texts[0] if texts else "",
        details="\n\n".join(texts[1:]),
        needs=needs or ("administrator rights." if method.admin else ""),
        arguments=tuple(_argument(method, name, parameter, entries) for name, parameter in method.parameters.items()),
        returns=" ".join(sections.get("Returns", "").split()),
        errors=(
            *_entries(sections.get("Raises", ""), _ERROR),
            *([(access_denied(method.name), "somebody else calls it.")] if method.admin else []),
        ),
    )


def _split(doc: str) -> tuple[str, dict[str, str]]:
    head, *rest = _SECTION.split(doc)
    return head, dict(zip(rest[::2], rest[1::2], strict=True))


def _entries(section: str, entry: re.Pattern[str]) -> Iterable[tuple[str, str]]:
    """``name: text`` entries, whose further lines are indented deeper."""
    entries: list[list[str]] = []
    for line in inspect.cleandoc(section).splitlines():
        match = entry.match(line)
        if match:
            entries.append([match.group(1), match.group(2)])
        elif line.strip() and entries:
            entries[-1][1] += " " + line.strip()
    return [(name, text) for name, text in entries]


def _argument(method: Method, name: str, parameter: inspect.Parameter, texts: Mapping[str, str]) -> Argument:
    hint = get_type_hints(method.function, include_extras=True)[parameter.name]
    if get_origin(hint) in (Union, UnionType):
        hint = next(option for option in get_args(hint) if option is not NoneType)
    key = get_args(hint)[1] if get_origin(hint) is Annotated else get_origin(hint) or hint
    words, schema = TYPES.get(key, TYPES[Any])
    required = parameter.default is parameter.empty
    own = {**SPELLINGS, **method.spellings}
    return Argument(
        name=name,
        type=words,
        schema=schema,
        required=required,
        default=None if required else parameter.default,
        text=texts.get(name, ""),
        spellings=tuple(sorted(other for other, meant in own.items() if meant == name)),
    )


def descriptions() -> list[Description]:
    """Every method, by name."""
    from api.server import server

    return [describe(method) for _, method in sorted(server.methods.items())]


def families() -> dict[str, list[str]]:
    """What a module holds ("Methods about users ...") -> their names."""
    from api.server import server

    found: dict[str, list[str]] = {}
    for method in server.methods.values():
        about = inspect.getdoc(inspect.getmodule(method.function)) or ""
        found.setdefault(about.rstrip("."), []).append(method.name)
    return found


def openrpc() -> dict[str, Any]:
    """The OpenRPC document of every method (https://spec.open-rpc.org)."""
    return {
        "openrpc": "1.3.2",
        "info": {"title": "Kallithea's API", "version": "1"},
        "methods": [
            {
                "name": d.name,
                "summary": d.summary,
                "description": "\n\n".join(filter(None, (d.details, d.needs and f"Needs {d.needs}"))),
                "paramStructure": "either",
                "params": [
                    {
                        "name": a.name,
                        "description": a.text,
                        "required": a.required,
                        "schema": a.schema if a.required else {**a.schema, "default": a.default},
                    }
                    for a in d.arguments
                ],
                "result": {"name": "result", "description": d.returns, "schema": {}},
                "errors": [{"code": -32000, "message": text, "data": when} for text, when in d.errors],
            }
            for d in descriptions()
        ],
    }


def markdown() -> str:
    """``docs/api.md``."""
    lines = [
        "# API methods",
        "",
        "Made from the docstrings by `make docs`; do not edit. How to call: [api-usage.md](api-usage.md).",
        "",
    ]
    for about, names in families().items():
        lines.append(f"- {about}: {', '.join(f'[{name}](#{name})' for name in names)}")
    for d in descriptions():
        lines += ["", f"## {d.name}", "", f"`{d.signature}`", "", d.summary]
        lines += ["", d.details] if d.details else []
        lines += ["", f"Needs {d.needs}"] if d.needs else []
        if d.arguments:
            lines += ["", "| argument | type | default | |", "|---|---|---|---|"]
            lines += [
                f"| `{a.name}`{''.join(f' or `{s}`' for s in a.spellings)} | {a.type} | "
                f"{'required' if a.required else f'`{literal(a.default)}`'} | {_cell(a.text)} |"
                for a in d.arguments
            ]
        lines += ["", f"Answers {d.returns[:1].lower()}{d.returns[1:]}"] if d.returns else []
        if d.errors:
            lines += ["", "| error | when |", "|---|---|"]
            lines += [f"| {_cell(text)} | {_cell(when)} |" for text, when in d.errors]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
