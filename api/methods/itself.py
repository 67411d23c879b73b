"""Methods about the API itself."""

from __future__ import annotations

import fnmatch

from accounts.actors import Actor
from api import describe
from api.errors import ApiError
from api.method import ApiNamespace, JsonObject

namespace = ApiNamespace()

LONGEST_PATTERN = 100  # characters; each new one is compiled, and kept


@namespace.method()
def get_method(actor: Actor, pattern: str = "*") -> list[JsonObject]:
    """Describe the methods of this API whose names match a pattern.

    Needs: any valid key.

    Args:
        pattern: a name in which ``*`` and ``?`` stand for any text and any character.

    Returns:
        A list of ``name``, ``signature``, ``summary``, ``description``, ``needs``, ``args`` (each with ``name``,
        ``type``, ``required``, ``default``, ``description`` and ``spellings``: further names that it may have),
        ``returns``, and ``errors`` (each with ``error``, its text, and ``when``).

    Raises:
        Invalid `pattern` arg in JSON DATA: it is longer than 100 characters.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ApiError(f"Invalid `pattern` arg in JSON DATA: is longer than {LONGEST_PATTERN} characters", code=-32602)
    return [
        {
            "name": d.name,
            "signature": d.signature,
            "summary": d.summary,
            "description": d.details,
            "needs": d.needs,
            "args": [
                {
                    "name": a.name,
                    "type": a.type,
                    "required": a.required,
                    "default": a.default,
                    "description": a.text,
                    "spellings": list(a.spellings),
                }
                for a in d.arguments
            ],
            "returns": d.returns,
            "errors": [{"error": text, "when": when} for text, when in d.errors],
        }
        for d in describe.descriptions()
        if fnmatch.fnmatchcase(d.name, pattern)
    ]
