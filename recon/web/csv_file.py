"""The list of a screen as a CSV file: a row for each row of its SQL, with all columns and the digits as stored.

Decimals are plain, times in UTC, alternatives of a cell joined by a semicolon. A text that a spreadsheet would take
for a formula has an apostrophe before it; numbers have none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from starlette.responses import Response

from recon.db.source import Row
from recon.exact import plain
from recon.web.headers import PAGE

#: How an address asks for it.
FORMAT: Final = "format"
CSV: Final = "csv"
#: Most rows of a file; a longer list is narrowed by its filters, or read over the API.
MAX_ROWS: Final = 10_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_answer(name: str, rows: Sequence[Row]) -> Response:
    """Return rows as a file to keep."""
    headers = {**PAGE, "Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_of(rows), headers=headers, media_type="text/csv; charset=utf-8")


def csv_of(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a heading; nothing for no rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    for number, row in enumerate(rows):
        if not number:
            writer.writerow(row)
        writer.writerow(_written(value) for value in row.values())
    return text.getvalue()


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return plain(Decimal(value // timedelta(microseconds=1)).scaleb(-6))
    if isinstance(value, list | tuple):
        return "; ".join(_written(item) for item in value)
    text = str(dict(value)) if isinstance(value, Mapping) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
