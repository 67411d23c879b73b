"""Methods about reports."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from accounts import reporting
from accounts.actors import Actor
from api.errors import ApiError
from api.method import ApiNamespace, JsonObject, unpacked

namespace = ApiNamespace()


@namespace.method()
def get_reports(actor: Actor) -> list[JsonObject]:
    """List the reports that the caller may run.

    Needs: any valid key; most reports are for administrators.

    Returns:
        A list of ``name``, ``title``, ``description``, ``parameters`` (name -> default), ``parameter_types`` (name ->
        ``text``, ``number``, ``date``, or a list of what can be chosen) and ``columns``.
    """
    return [
        {
            "name": found.name,
            "title": str(found.title),
            "description": found.description,
            "parameters": {name: reporting.plain(p.default) for name, p in found.parameters.items()},
            "parameter_types": {name: list(found.choices(name)) or found.type_of(name) for name in found.parameters},
            "columns": [column.name for column in found.columns],
        }
        for found in reporting.reports(actor)
    ]


@namespace.method()
def get_report(actor: Actor, name: str, parameters: Any = None) -> JsonObject:
    """Run a report.

    Needs: administrator rights, or for reports about repositories to administrate some.

    Args:
        name: the report's name, as ``get_reports`` lists it.
        parameters: an object, parameter -> value; or text ``name=value,name=value``.

    Returns:
        ``name``, ``title``, ``columns`` (each with ``name``, ``label``, ``kind``) and ``rows`` (objects).

    Raises:
        report `x` does not exist: unknown, or not for the caller.
        Invalid `parameters` arg in JSON DATA: a parameter that the report has not, or a value that it cannot read.
    """
    found = reporting.find(actor, name)
    if found is None:
        raise ApiError(f"report `{name}` does not exist")
    parameters = unpacked(parameters)
    if isinstance(parameters, str):
        parameters = dict(item.partition("=")[::2] for item in parameters.split(",") if item)
    if not isinstance(parameters, dict | None):
        raise ApiError("Invalid `parameters` arg in JSON DATA: must be an object")
    try:
        return reporting.as_data(found, found.run(actor, parameters or {}))
    except ValidationError as error:
        texts = "; ".join(f"{key}: {' '.join(value)}" for key, value in error.message_dict.items())
        raise ApiError(f"Invalid `parameters` arg in JSON DATA: {texts}") from error
