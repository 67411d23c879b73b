"""Reports: named questions to the database with typed parameters. Each app owns its own in a module ``reports``.

A report is a function::

    @report(title=_("Stale pull requests"), columns=(Column("number", _("number")), ...))
    def stale_pull_requests(actor: Actor, *, days: int = 30) -> Rows:
        '''Open pull requests that nobody has touched for some days.'''

Its keyword-only parameters are the report's; their annotations (``int``, ``str``, ``date``, or a ``Literal`` of the
choices) say how a text is read, and every one has a default. It yields tuples as wide as its columns.
"""

from __future__ import annotations

import csv
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import User, UserGroup

Rows = Iterable[tuple[Any, ...]]
Text = str | Promise


@dataclass(frozen=True)
class Column:
    """``kind``: how a value reads: ``number``, ``bytes``, ``duration`` (seconds), ``date``, or plain text."""

    name: str
    label: Text
    kind: Literal["text", "number", "bytes", "duration", "date"] = "text"


@dataclass(frozen=True)
class Plot:
    """One bar for every value of the column ``labels``, as long as the sum of the column ``values``.

    ``series``: the labels are dates, and the bars stand where those are in time.
    """

    labels: str
    values: str
    kind: Literal["bars", "series"] = "bars"


@dataclass(frozen=True, eq=False)
class Report:
    """One report. ``for_repository_admins``: it shows everybody the repositories that they administrate."""

    function: Callable[..., Rows]
    title: Text
    columns: tuple[Column, ...]
    plot: Plot | None = None
    for_repository_admins: bool = False

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def description(self) -> str:
        return " ".join((inspect.getdoc(self.function) or "").split())

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}

    @cached_property
    def types(self) -> dict[str, Any]:
        return get_type_hints(self.function)

    def choices(self, parameter: str) -> tuple[str, ...]:
        hint = self.types[parameter]
        return get_args(hint) if get_origin(hint) is Literal else ()

    def type_of(self, parameter: str) -> Literal["number", "date", "choice", "text"]:
        hint = self.types[parameter]
        if self.choices(parameter):
            return "choice"
        return "number" if hint is int else "date" if date in get_args(hint) else "text"

    def open_to(self, actor: Actor) -> bool:
        return actor.is_admin or (self.for_repository_admins and not actor.is_anonymous)

    def run(self, actor: Actor, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows.

        Args:
            given: parameter -> value or text; empty ones count as not given.

        Raises:
            ValidationError: an unknown parameter, or a value that cannot be read, by parameter.
        """
        if unknown := sorted(given.keys() - self.parameters.keys()):
            raise ValidationError({name: _("This report has no such parameter.") for name in unknown})
        return list(self.function(actor, **self.read(given)))

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter's value, the default where none is given."""
        values, errors = {}, {}
        for name, parameter in self.parameters.items():
            value = given.get(name)
            try:
                values[name] = parameter.default if value in (None, "") else self._read(name, value)
            except (ValueError, OverflowError) as error:
                errors[name] = str(error)
        if values.get("since") and values.get("until") and values["since"] > values["until"]:
            errors["until"] = _("must not be before the first day")
        if errors:
            raise ValidationError(errors)
        return values

    def _read(self, name: str, value: Any) -> Any:
        match self.type_of(name):
            case "choice":
                if value not in self.choices(name):
                    raise ValueError(_("must be one of ") + ", ".join(filter(None, self.choices(name))))
                return value
            case "date":
                try:
                    return _in_our_time(date.fromisoformat(value))
                except (TypeError, ValueError):
                    raise ValueError(_("must look like 2026-11-23")) from None
            case "number":
                try:
                    number = int(str(value))  # 1.5 and true are none
                except ValueError:
                    raise ValueError(_("must be a number")) from None
                if not 0 <= number < 2**31:
                    raise ValueError(_("is out of range"))
                return number
        text = str(value)
        if "\0" in text:
            raise ValueError(_("must not contain a NUL character"))
        return text


def _in_our_time(day: date) -> date:
    """Far enough from the ends of the calendar that every time zone can reckon with it."""
    return min(max(day, date(1900, 1, 1)), date(9000, 1, 1))


def people(actor: Actor, user: str = "", user_group: str = "") -> QuerySet[User]:
    """The users that a report's parameters mean: all, one, a user group's members, or the member with that name.

    Raises:
        ValidationError: there is no such user, or no such user group for ``actor``.
    """
    found, errors = User.objects.all(), {}
    if user:
        found = found.filter(username__iexact=user)
        if not found.exists():
            errors["user"] = _("There is no such user.")
    if user_group:
        group = UserGroup.objects.all().visible_to(actor).filter(name=user_group).first()
        if group is None:
            errors["user_group"] = _("There is no such user group.")
        found = found.filter(groups_in=group)
    if errors:
        raise ValidationError(errors)
    return found


def during(field: str, since: date | None, until: date | None) -> Q:
    """Moments from the beginning of one day to the end of another, in the site's time zone."""
    found = Q()
    if since is not None:
        found &= Q(**{f"{field}__gte": timezone.make_aware(datetime.combine(since, time.min))})
    if until is not None:
        found &= Q(**{f"{field}__lt": timezone.make_aware(datetime.combine(until + timedelta(days=1), time.min))})
    return found


_reports: dict[str, Report] = {}


def report(
    *, title: Text, columns: tuple[Column, ...], plot: Plot | None = None, for_repository_admins: bool = False
) -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """Register a report under its function's name."""

    def register(function: Callable[..., Rows]) -> Callable[..., Rows]:
        _reports[function.__name__] = Report(function, title, columns, plot, for_repository_admins)
        return function

    return register


def reports(actor: Actor) -> list[Report]:
    """The reports that ``actor`` may run, by name."""
    autodiscover_modules("reports")
    return [found for _, found in sorted(_reports.items()) if found.open_to(actor)]


def find(actor: Actor, name: str) -> Report | None:
    """A report by name; ``None`` when there is none, or not for ``actor``."""
    return next((found for found in reports(actor) if found.name == name), None)


# -- renderings ----------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A value as text formats have it: local time without zone, seconds, everything else as it is."""
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def as_csv(found: Report, rows: Rows) -> Iterator[str]:
    """Lines of CSV with a header. What a spreadsheet would take for a formula gets an apostrophe in front."""
    return csv_lines([column.name for column in found.columns], rows)


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The same for anything else."""
    writer = csv.writer(_Echo())
    yield writer.writerow(list(columns))
    for row in rows:
        yield writer.writerow([_no_formula(plain(value)) for value in row])


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def as_data(found: Report, rows: Rows) -> dict[str, Any]:
    """The report as JSON has it: ``name``, ``title``, ``columns`` and ``rows`` (objects)."""
    names = [column.name for column in found.columns]
    return {
        "name": found.name,
        "title": str(found.title),
        "columns": [{"name": c.name, "label": str(c.label), "kind": c.kind} for c in found.columns],
        "rows": [dict(zip(names, map(plain, row), strict=True)) for row in rows],
    }


def as_json(found: Report, rows: Rows) -> str:
    return json.dumps(as_data(found, rows), ensure_ascii=False, indent=1)
