"""Pages by key: a cursor is the key of the last row, so each page costs the same, and no row is lost."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row
from recon.errors import ConfigError
from recon.reads.as_of import NOW, AsOf
from recon.reads.filter import Filter, of_pairs
from recon.reads.query import Query
from recon.web.api.resources import USUAL_ROWS, Resource
from recon.web.api.values import CASTS, written

#: Longest cursor, in characters.
MAX_CURSOR: Final = 4000
#: Names of a query that are no filters.
_PAGING: Final = frozenset({"limit", "after"})
_BAD_CURSOR: Final = "the cursor is none of this resource: take `next` of an answer as it is"


class Page(msgspec.Struct, frozen=True):
    """What is asked of a resource: filters, how many rows, and the key after which they begin."""

    filter: Filter
    limit: int
    after: Sequence[object] | None
    as_of: AsOf = NOW


def page_of(resource: Resource, pairs: Sequence[tuple[str, str]], as_of: AsOf = NOW) -> Page:
    """Return what a query asks for, of the time that the resource is of. Errors: ConfigError."""
    known = dict(pairs)
    limit = known.get("limit", str(min(USUAL_ROWS, resource.most)))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= resource.most):
        raise ConfigError(f"limit={limit[:20]} is none: {resource.name} gives 1 to {resource.most} rows at once")
    asked = of_pairs((name, value) for name, value in pairs if name not in _PAGING)
    asked.check_words(resource.words)
    return Page(asked, int(limit), _decoded(resource, known["after"]) if known.get("after") else None, as_of)


def query_of(resource: Resource, page: Page, now: datetime) -> Query:
    """Return the page as SQL, with one row more than asked for. Errors: ConfigError."""
    condition = page.filter.condition(resource.filters, page.as_of.now(now), resource.name)
    parameters: dict[str, object] = {**condition.parameters, **page.as_of.parameters, "limit": page.limit + 1}
    parts = [condition.text] if condition.text != "true" else []
    if page.after is not None:
        names = [f"after_{number}" for number in range(len(resource.key))]
        parameters |= dict(zip(names, page.after, strict=True))
        casts = (CASTS[resource.columns[column].kind] for column in resource.key)
        values = ", ".join(f"CAST(:{name} AS {cast})" for name, cast in zip(names, casts, strict=True))
        parts.append(f"({', '.join(f'r.{column}' for column in resource.key)}) > ({values})")
    columns = ", ".join(
        f"r.{name}::text AS {name}" if column.kind == "json" else f"r.{name}"
        for name, column in resource.columns.items()
    )
    order = ", ".join(f"r.{column}" for column in resource.key)
    where = [f"WHERE {' AND '.join(parts)}"] if parts else []
    lines = [f"SELECT {columns}", f"FROM {resource.source} AS r", *where, f"ORDER BY {order}", "LIMIT :limit"]
    text = "\n".join(lines)
    return Query(text, parameters)


def cursor_of(resource: Resource, row: Row) -> str:
    """Return the cursor after a row."""
    key = [written(row[column], resource.columns[column].kind) for column in resource.key]
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _decoded(resource: Resource, cursor: str) -> list[object]:
    if len(cursor) > MAX_CURSOR:
        raise ConfigError(_BAD_CURSOR)
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw, type=list[str | int])
    except (binascii.Error, ValueError, msgspec.DecodeError, msgspec.ValidationError):
        raise ConfigError(_BAD_CURSOR) from None
    if len(values) != len(resource.key):
        raise ConfigError(_BAD_CURSOR)
    return [_value(resource, column, value) for column, value in zip(resource.key, values, strict=True)]


def _value(resource: Resource, column: str, value: str | int) -> object:
    kind = resource.columns[column].kind
    if kind == "time":
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            raise ConfigError(_BAD_CURSOR) from None
    fitting = isinstance(value, int) and abs(value) < 2**63 if kind == "int" else isinstance(value, str)
    if not fitting or (isinstance(value, str) and "\0" in value):
        raise ConfigError(_BAD_CURSOR)
    return value


def document_of(resource: Resource, rows: Sequence[Row], limit: int, address: str) -> Mapping[str, object]:
    """Return the answer: the rows of the page, and where the next one is; null: it was the last."""
    shown = rows[:limit]
    data = [{name: written(row[name], column.kind) for name, column in resource.columns.items()} for row in shown]
    following = f"{address}{cursor_of(resource, shown[-1])}" if len(rows) > limit else None
    return {"data": data, "next": following}
