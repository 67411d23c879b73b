"""The reports' pages: ``/_admin/reports/``, one report, and the same as CSV, JSON and SVG, also by key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import reporting
from accounts.actors import Actor
from accounts.pages import sign_in_redirect
from accounts.reporting import Report
from kallithea_site.plots import bars, series

ROWS_ON_PAGE = 1000
FORMATS = ("html", "csv", "json", "svg")
LABELS = {
    "since": _("first day"),
    "until": _("last day"),
    "group": _("repository group"),
    "repository": _("repository"),
    "kind": _("kind"),
    "user": _("user"),
    "user_group": _("user group"),
    "days": _("days"),
    "level": _("at least this level"),
    "concern": _("concern"),
    "address": _("address"),
    "method": _("method"),
}


def _actor(request: HttpRequest) -> Actor:
    return request.actor  # type: ignore[attr-defined, no-any-return]


@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    if actor.is_anonymous:
        return sign_in_redirect(request)
    return render(request, "reports/index.html", {"reports": reporting.reports(actor)})


@never_cache
@require_safe
def show(request: HttpRequest, name: str, format: str = "html") -> HttpResponseBase:
    """One report in one format; parameters come in the query string."""
    actor = _actor(request)
    if actor.is_anonymous:
        return sign_in_redirect(request)
    found = reporting.find(actor, name)
    if found is None or format not in FORMATS:
        raise Http404
    given = {name: str(value) for name, value in request.GET.items() if name != "api_key"}
    try:
        rows = found.run(actor, given)
    except ValidationError as error:
        return _refused(request, found, given, error, format)
    if format == "csv":
        answer = StreamingHttpResponse(reporting.as_csv(found, rows), content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return answer
    if format == "json":
        return HttpResponse(reporting.as_json(found, rows), content_type="application/json")
    if format == "svg":
        plot = _plot(found, rows)
        if plot is None:
            raise Http404
        return HttpResponse(plot, content_type="image/svg+xml")
    return render(request, "reports/report.html", _page(found, given) | _drawn(found, rows, ROWS_ON_PAGE))


def as_html(found: Report, rows: list[tuple[Any, ...]]) -> str:
    """A page of its own with the plot and every row, to keep or to send."""
    return render_to_string("reports/plain.html", {"report": found, **_drawn(found, rows, len(rows))})


def _drawn(found: Report, rows: list[tuple[Any, ...]], most: int) -> dict[str, Any]:
    kinds = [column.kind for column in found.columns]
    shown = [[(kind, _shown(kind, value)) for kind, value in zip(kinds, row, strict=True)] for row in rows[:most]]
    return {"rows": rows, "shown": shown, "plot": _plot(found, rows)}


def _shown(kind: str, value: Any) -> Any:
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if kind == "duration" and value is not None:
        return str(timedelta(seconds=round(reporting.plain(value))))
    return value


def _refused(
    request: HttpRequest, found: Report, given: Mapping[str, str], error: ValidationError, format: str
) -> HttpResponse:
    messages = error.message_dict
    if format != "html":
        text = "".join(f"{name}: {' '.join(texts)}\n" for name, texts in messages.items())
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
    return render(request, "reports/report.html", _page(found, given) | {"errors": messages}, status=400)


def _page(found: Report, given: Mapping[str, str]) -> dict[str, Any]:
    fields = [
        {
            "name": name,
            "label": LABELS.get(name, name),
            "type": found.type_of(name),
            "value": given.get(name, parameter.default),
            "choices": found.choices(name),
        }
        for name, parameter in found.parameters.items()
    ]
    return {"report": found, "fields": fields, "errors": {}}


def _plot(found: Report, rows: list[tuple[Any, ...]]) -> str | None:
    if found.plot is None or not rows:
        return None
    names = [column.name for column in found.columns]
    label, value = names.index(found.plot.labels), names.index(found.plot.values)
    sums: dict[Any, float] = {}
    for row in rows:
        if row[value] is not None:  # nothing is not zero
            sums[row[label]] = sums.get(row[label], 0) + reporting.plain(row[value])
    if not sums:
        return None
    if found.plot.kind == "series":
        return series(str(found.title), sums, found.columns[value])
    return bars(str(found.title), {str(reporting.plain(key)): n for key, n in sums.items()}, found.columns[value])
