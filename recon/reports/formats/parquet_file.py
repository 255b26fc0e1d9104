"""A report as Parquet: decimals as `decimal128(38, 18)`, and as text beside where that does not hold one.

1. Each decimal column `x` has a text column `x_exact` after it. It is null, unless `x` does not fit: then `x` is null,
   and `x_exact` has every digit. The columns are the same whatever the values are.
2. Times are microseconds in UTC. The head is in the file's metadata, as `recon`, a JSON document.
3. How many values did not fit stands in the metadata too, as `recon.exact`, by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
from pyarrow import parquet

from recon.display.words import counted
from recon.reports.header import Header
from recon.reports.model import ColumnType, ReportColumn, ReportRow, Value
from recon.reports.pictures import Picture
from recon.reports.values import SCALE, WHOLE_DIGITS, fits, text_of

#: Rows of one group of a file, which is in memory at once.
GROUP_ROWS: Final = 32_768
EXACT: Final = "_exact"

_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "text": pa.string(),
    "decimal": pa.decimal128(SCALE + WHOLE_DIGITS, SCALE),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}


class ParquetFile:
    """Writes groups of rows, compressed by zstd."""

    def __init__(self, stream: BinaryIO, header: Header) -> None:
        self._columns = header.report.columns
        self._schema = pa.schema(
            [field for column in self._columns for field in _fields(column)],
            metadata={"recon": msgspec.json.encode({"version": 1, **header.document()})},
        )
        self._writer = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._waiting: list[ReportRow] = []
        self._unfit = {column.key: 0 for column in self._columns if column.type == "decimal"}

    def write(self, rows: Sequence[ReportRow]) -> None:
        """Write the next rows, as soon as they fill a group."""
        self._waiting.extend(rows)
        while len(self._waiting) >= GROUP_ROWS:
            self._group(self._waiting[:GROUP_ROWS])
            del self._waiting[:GROUP_ROWS]

    def end(self) -> list[str]:
        """Write the last group, and how many values did not fit."""
        if self._waiting:
            self._group(self._waiting)
            self._waiting = []
        unfit = {key: number for key, number in self._unfit.items() if number}
        self._writer.add_key_value_metadata({"recon.exact": msgspec.json.encode(unfit).decode()})
        self._writer.close()
        return [
            f"{counted(number, 'value')} of {key} {'does' if number == 1 else 'do'} not fit decimal(38,18):"
            f" null there, and whole in {key}{EXACT}"
            for key, number in unfit.items()
        ]

    def close(self) -> None:
        """Give up what was not ended."""
        self._writer.close()

    def _group(self, rows: Sequence[ReportRow]) -> None:
        arrays: list[pa.Array] = []
        for column, values in zip(self._columns, zip(*rows, strict=True), strict=True):
            arrays += self._decimals(column, values) if column.type == "decimal" else [_plain(column, values)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), GROUP_ROWS)

    def _decimals(self, column: ReportColumn, values: Sequence[Value]) -> list[pa.Array]:
        """Return the values that fit, and the text of the others."""
        fit: list[Decimal | None] = []
        texts: list[str | None] = []
        for value in values:
            holds = isinstance(value, Decimal) and fits(value)
            fit.append(value if isinstance(value, Decimal) and holds else None)
            texts.append(None if holds or value is None else text_of(value))
        self._unfit[column.key] += sum(each is not None for each in texts)
        return [pa.array(fit, _TYPES["decimal"]), pa.array(texts, _TYPES["text"])]


def _fields(column: ReportColumn) -> list[pa.Field]:
    field = pa.field(column.key, _TYPES[column.type])
    return [field, pa.field(f"{column.key}{EXACT}", _TYPES["text"])] if column.type == "decimal" else [field]


def _plain(column: ReportColumn, values: Sequence[Value]) -> pa.Array:
    return pa.array(values, _TYPES[column.type])


def sink(stream: BinaryIO, header: Header, _pictures: list[Picture]) -> ParquetFile:
    """Return what writes Parquet."""
    return ParquetFile(stream, header)
