"""A question to the database: SQL with bound parameters, which can run, and be written out to be run elsewhere.

Parameters are written `:name`. "Copy as SQL" gives the same text with each parameter as a literal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.exact import plain

#: A comment or a text in quotes, where `:name` is no parameter; or `:name`, but neither the cast `::name` nor a part
#: of a word.
_TEXT_OR_PARAMETER: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'|(?<![:\w]):([a-z]\w*)")


class Query(msgspec.Struct, frozen=True):
    """SQL text and the values of its parameters."""

    text: str
    parameters: Mapping[str, object] = {}

    def rows(self, source: Source) -> list[Row]:
        """Run the query, and return its rows as mappings."""
        return query_rows(source, self.text, self.parameters)

    def sql(self) -> str:
        """Return the query as a person can run it: each parameter is a literal, quoted as Postgres reads it."""

        def written(found: re.Match[str]) -> str:
            name = found[1]
            return found[0] if name is None or name not in self.parameters else literal(self.parameters[name])

        return f"{_TEXT_OR_PARAMETER.sub(written, self.text).strip()};"


def literal(value: object) -> str:
    """Return a value as a literal of Postgres. Errors: TypeError for a kind of value that no query has."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, Decimal):
        return plain(value) if value >= 0 else f"({plain(value)})"
    if isinstance(value, datetime):
        return f"timestamptz {_quoted(value.astimezone(UTC).isoformat(sep=' '))}"
    if isinstance(value, timedelta):
        return f"interval {_quoted(f'{value // timedelta(microseconds=1)} microseconds')}"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"ARRAY[{', '.join(literal(item) for item in value)}]{'' if value else '::text[]'}"
    raise TypeError(f"a {type(value).__name__} is no parameter of a query")


def _quoted(text: str) -> str:
    # A backslash is an ordinary character in '…' (standard_conforming_strings), and would not be for older settings.
    quoted = text.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"
