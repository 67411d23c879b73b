"""Queries that are composed once and run often.

The ORM composes a query anew each time it runs. For the questions that open every request that is most of their time:
finding a repository for an ordinary user, with the permission rule, takes the ORM ten times as long as the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


class Prepared(Generic[M]):
    """The statement of a queryset, to be run with other values in the places of some.

    The queryset may have conditions, annotations, ``only``, and ``select_related`` of foreign keys. ``places`` are the
    values in it that stand for others: they must differ from each other and from every other value in the queryset.
    """

    def __init__(self, queryset: QuerySet[M], places: Sequence[int | str]) -> None:
        self._alias = queryset.db
        compiler = queryset.query.get_compiler(self._alias)
        try:
            self._statement, values = compiler.as_sql()
        except EmptyResultSet:  # whatever the values
            self._statement = ""
            return
        numbers = {place: number for number, place in enumerate(places)}
        self._values = [(numbers.get(value), value) for value in values]
        columns = [column for column, _, _ in compiler.select]
        self._converters = compiler.get_converters(columns)
        kind = compiler.klass_info
        assert kind is not None, "a queryset of objects"
        self._own = _Part(kind, columns)
        self._related = [(part["field"].name, _Part(part, columns)) for part in kind.get("related_klass_infos", ())]
        self._annotations = compiler.annotation_col_map

    def run(self, *values: int | str) -> list[M]:
        """The objects, with one of ``values`` in each place. One query, or none where no row can match."""
        if not self._statement:
            return []
        connection = connections[self._alias]
        with connection.cursor() as cursor:
            cursor.execute(
                self._statement, [fixed if place is None else values[place] for place, fixed in self._values]
            )
            return [self._object(list(row), connection) for row in cursor.fetchall()]

    def _object(self, row: list[Any], connection: Any) -> M:
        for index, (steps, column) in self._converters.items():
            for convert in steps:
                row[index] = convert(row[index], column, connection)
        found: M = self._own.object(row, self._alias)
        for name, part in self._related:
            setattr(found, name, part.object(row, self._alias))
        for name, index in self._annotations.items():
            setattr(found, name, row[index])
        return found


class _Part:
    """The columns of one object in a row."""

    def __init__(self, kind: dict[str, Any], columns: Sequence[Any]) -> None:
        self.model = kind["model"]
        self.first, self.end = kind["select_fields"][0], kind["select_fields"][-1] + 1
        self.fields = [column.target.attname for column in columns[self.first : self.end]]
        self.key = self.first + self.fields.index(self.model._meta.pk.attname)

    def object(self, row: list[Any], alias: str) -> Any:
        """``None`` where an optional foreign key points nowhere."""
        return None if row[self.key] is None else self.model.from_db(alias, self.fields, row[self.first : self.end])
