"""Plots as SVG, drawn here: no script, no external host, readable by a screen reader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string

from accounts.reporting import Column

MOST_BARS = 30
WIDTH, LABEL_WIDTH, VALUE_WIDTH, ROW = 900, 280, 110, 22  # pixels


def bars(title: str, values: Mapping[str, float], column: Column) -> str:
    """Horizontal bars, the longest :data:`MOST_BARS` of ``values``, each with its label and value."""
    shown = sorted(values.items(), key=lambda item: -item[1])[:MOST_BARS]
    largest = max((value for _, value in shown), default=0) or 1
    rows = []
    for number, (label, value) in enumerate(shown):
        length = max(1, round(value / largest * (WIDTH - LABEL_WIDTH - VALUE_WIDTH)))
        rows.append(
            {
                "label": shorten(label),
                "value": readable(value, column),
                "top": number * ROW,
                "baseline": number * ROW + 15,
                "length": length,
                "end": LABEL_WIDTH + length + 6,
            }
        )
    size = {"width": WIDTH, "height": len(shown) * ROW, "left": LABEL_WIDTH, "label_end": LABEL_WIDTH - 8}
    text = {"first": rows[:3], "left_out": len(values) - len(shown)}
    return render_to_string("reports/bars.svg", {"title": title, "bars": rows} | size | text)


def shorten(label: str, most: int = 38) -> str:
    return label if len(label) <= most else f"{label[: most // 2]}…{label[-most // 2 + 1 :]}"


def readable(value: float, column: Column) -> str:
    if column.kind == "bytes":
        return filesizeformat(value)
    if column.kind == "duration":
        return str(timedelta(seconds=round(value)))
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


HEIGHT, LEFT, TOP, BOTTOM = 220, 70, 16, 24  # pixels of a series and of what is around it


def series(title: str, values: Mapping[date, float], column: Column) -> str:
    """Upright bars that stand where their day is in time, with the ends of both axes and what they say in words."""
    first, last = min(values), max(values)
    peak = max(values, key=lambda day: (values[day], day))
    days = max((last - first).days, 1)
    width, height = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM
    thickness = min(24, max(1, round(width / (len(values) + 1) * 0.8)))
    largest = values[peak] or 1
    shown = [
        {
            "x": LEFT + thickness + round((day - first).days / days * (width - 2 * thickness)),
            "y": TOP + height - max(1, round(value / largest * height)),
            "text": f"{day.isoformat()}: {readable(value, column)}",
        }
        for day, value in sorted(values.items())
    ]
    facts = {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "peak": peak.isoformat(),
        "most": readable(values[peak], column),
        "sum": readable(sum(values.values()), column),
    }
    size = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - 20, "top": TOP, "base": HEIGHT - BOTTOM}
    context = {"title": title, "bars": shown, "thickness": thickness, "below": HEIGHT - 6, "label_end": LEFT - 8}
    return render_to_string("reports/series.svg", context | facts | size)
