"""How a cell of a view is written in JSON, and described in JSON Schema. Pure.

Decimals are texts, so that no reader rounds them; times are in UTC to the microsecond; lengths of time are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

from recon.exact import EXACT, plain

Kind: TypeAlias = Literal["text", "int", "decimal", "bool", "time", "date", "seconds", "texts", "json"]

#: A plain decimal, without exponent.
_DECIMAL: Final = r"^-?[0-9]+(\.[0-9]+)?$"
_SCHEMAS: Final[Mapping[Kind, Mapping[str, object]]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "decimal": {"type": "string", "pattern": _DECIMAL},
    "bool": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "seconds": {"type": "string", "pattern": _DECIMAL, "description": "seconds"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "json": {},
}
#: The type of Postgres that a value of a cursor is read as.
CASTS: Final[Mapping[Kind, str]] = {"text": "text", "int": "bigint", "time": "timestamptz"}


class Column(NamedTuple):
    """A column: what it holds, and whether it may be null."""

    kind: Kind
    nullable: bool


def columns_of(text: str) -> dict[str, Column]:
    """Return the columns of `name kind, name kind?`; a question mark: it may be null."""
    columns: dict[str, Column] = {}
    for part in text.replace("\n", " ").split(","):
        name, kind = part.split()
        plain_kind = kind.removesuffix("?")
        if plain_kind not in get_args(Kind):
            raise ValueError(f"{name} has no kind {kind!r}")
        columns[name] = Column(plain_kind, kind.endswith("?"))  # type: ignore[arg-type] # it is one of them
    return columns


def schema_of(column: Column) -> Mapping[str, object]:
    """Return the JSON Schema of a column."""
    schema = _SCHEMAS[column.kind]
    if not column.nullable or not schema:
        return schema
    return {**schema, "type": [schema["type"], "null"]}


def written(value: object, kind: Kind) -> object:
    """Return a cell as JSON has it. JSON of the database comes as text, and stays as it is to the last digit."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).isoformat(timespec='microseconds').removesuffix('+00:00')}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return plain(EXACT.divide(Decimal(value // timedelta(microseconds=1)), Decimal(1_000_000)))
    if kind == "json":
        return msgspec.Raw(str(value).encode())
    return value
