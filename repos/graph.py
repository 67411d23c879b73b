"""The lines between changesets, as one small picture per row of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

WIDTH, HEIGHT = 14, 36  # of one lane and of one row
MOST_LANES = 24
COLOURS = 6


@dataclass(frozen=True)
class GraphRow:
    """``column``: where the changeset's dot is; ``lines``: (from column above, to column below), through the row.

    ``None`` above: the line begins at the dot; ``None`` below: it ends there.
    """

    column: int
    lines: tuple[tuple[int | None, int | None], ...]


def layout(changesets: Sequence[tuple[str, Sequence[str]]]) -> list[GraphRow]:
    """Rows for changesets, newest first, each with its parents' raw_ids. Parents that are not in the list run out."""
    lanes: list[str | None] = []  # which changeset each lane is waiting for
    rows = []
    for raw_id, parents in changesets:
        arriving = [index for index, wanted in enumerate(lanes) if wanted == raw_id]
        column = arriving[0] if arriving else _free(lanes)
        lines: list[tuple[int | None, int | None]] = [(index, None) for index in arriving]
        lines += [(index, index) for index, wanted in enumerate(lanes) if wanted not in (None, raw_id)]
        for index in arriving:
            lanes[index] = None
        for number, parent in enumerate(parents):
            # The first parent's lane goes straight on, also where another one waits for the same changeset.
            straight = column if number == 0 else None
            target = straight if straight is not None else lanes.index(parent) if parent in lanes else _free(lanes)
            lanes[target] = parent
            lines.append((None, target))
        while lanes and lanes[-1] is None:
            lanes.pop()
        rows.append(GraphRow(column, tuple(lines)))
    return rows


def _free(lanes: list[str | None]) -> int:
    if None in lanes:
        return lanes.index(None)
    lanes.append(None)
    return len(lanes) - 1


def draw(rows: Sequence[GraphRow]) -> list[SafeString]:
    """One SVG per row, all of one width. Lanes beyond :data:`MOST_LANES` are not drawn."""
    used = [column for row in rows for line in row.lines for column in line if column is not None]
    lanes = min(max([*used, *(row.column for row in rows)], default=0) + 1, MOST_LANES)
    return [_picture(row, lanes) for row in rows]


def _picture(row: GraphRow, lanes: int) -> SafeString:
    middle = HEIGHT // 2
    parts = []
    for above, below in row.lines:
        start, start_y = (above, 0) if above is not None else (row.column, middle)
        end, end_y = (below, HEIGHT) if below is not None else (row.column, middle)
        if start >= MOST_LANES or end >= MOST_LANES:
            continue
        x1, x2, half = _x(start), _x(end), (start_y + end_y) // 2
        colour = (below if below is not None else above or 0) % COLOURS
        parts.append(f'<path class="g{colour}" d="M{x1} {start_y}C{x1} {half} {x2} {half} {x2} {end_y}"/>')
    if row.column < MOST_LANES:
        parts.append(f'<circle class="g{row.column % COLOURS}" cx="{_x(row.column)}" cy="{middle}" r="4"/>')
    return format_html(
        '<svg width="{}" height="{}" aria-hidden="true">{}</svg>',
        lanes * WIDTH + 6,
        HEIGHT,
        mark_safe("".join(parts)),  # noqa: S308 - numbers only
    )


def _x(column: int) -> int:
    return column * WIDTH + WIDTH // 2 + 3


def bars(counts: Sequence[int]) -> SafeString:
    """A small plot: one bar per number, the highest as high as the picture."""
    highest = max([*counts, 1])
    parts = []
    for index, count in enumerate(counts):
        height = max(round(38 * count / highest), 1)
        parts.append(f'<rect x="{index * 5}" y="{40 - height}" width="4" height="{height}"/>')
    return format_html(
        '<svg class="bars" viewBox="0 0 {} 40" role="img" aria-label="{}">{}</svg>',
        len(counts) * 5,
        _("Changesets per week, the last year: %d") % sum(counts),
        mark_safe("".join(parts)),  # noqa: S308 - numbers only
    )
