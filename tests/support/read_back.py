"""Reports read back by other programs: DuckDB, pyarrow, python-calamine; each row as exact values by column."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet
from python_calamine import CalamineWorkbook

from recon.reports.csv_lines import stored
from recon.reports.model import Report

#: A row as an exact text for each column; None is null.
Texts = dict[str, str | None]


def csv_rows(path: Path, report: Report) -> list[Texts]:
    """Read CSV by DuckDB as it finds it, every cell as text; marks of texts that would be formulas are taken off."""
    found = duckdb.connect().execute(
        "SELECT * FROM read_csv(?, header = true, all_varchar = true, allow_quoted_nulls = false)", [str(path)]
    )
    assert [name for name, *_ in found.description or ()] == [column.key for column in report.columns]
    kinds = {column.key: column.type for column in report.columns}
    return [
        {
            key: stored(value) if value is not None and kinds[key] == "text" else value
            for key, value in zip(kinds, row, strict=True)
        }
        for row in found.fetchall()
    ]


def json_rows(path: Path, report: Report) -> list[Texts]:
    """Read JSON by Python; its count is that of its rows."""
    document = json.loads(path.read_text("utf-8"))
    assert document["count"] == len(document["rows"])
    assert [column["key"] for column in document["columns"]] == [column.key for column in report.columns]
    return [{key: _text(value) for key, value in row.items()} for row in document["rows"]]


def parquet_rows(path: Path, report: Report) -> list[Texts]:
    """Read Parquet by DuckDB, where decimals stay decimals; what does not fit is taken from beside."""
    parts = []
    for column in report.columns:
        name = f'"{column.key}"'
        if column.type == "decimal":
            parts.append(f'coalesce("{column.key}_exact", {name}::VARCHAR)')
        elif column.type == "time":
            parts.append(f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')")
        else:
            parts.append(f"{name}::VARCHAR")
    found = duckdb.connect().execute(f"SELECT {', '.join(parts)} FROM read_parquet(?)", [str(path)])  # noqa: S608
    keys = [column.key for column in report.columns]
    return [dict(zip(keys, row, strict=True)) for row in found.fetchall()]


def arrow_rows(path: Path, report: Report) -> list[Texts]:
    """Read Parquet by pyarrow."""
    found = pyarrow.parquet.read_table(path).to_pylist()
    keys = {column.key: column.type for column in report.columns}
    return [
        {
            key: row[f"{key}_exact"] if kind == "decimal" and row[f"{key}_exact"] is not None else _text(row[key])
            for key, kind in keys.items()
        }
        for row in found
    ]


def xlsx_rows(path: Path, report: Report) -> list[Texts]:
    """Read a workbook by calamine; a number is exact by its shortest text, or by the text beside it."""
    book = CalamineWorkbook.from_filelike(BytesIO(path.read_bytes()))
    rows: list[Texts] = []
    for name in book.sheet_names[1:]:
        head, *lines = book.get_sheet_by_name(name).to_python()
        for line in lines:
            cells = dict(zip(map(str, head), line, strict=True))
            rows.append({column.key: _of_cell(cells, column.key, column.type) for column in report.columns})
    return rows


def _of_cell(cells: Mapping[str, Any], key: str, kind: str) -> str | None:
    value = cells[key]
    if kind == "decimal" and cells[f"{key} exact"] != "":
        return str(cells[f"{key} exact"])
    if value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and kind == "integer":
        return str(int(value))
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else _time_or_text(value)


def _time_or_text(value: object) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else str(value)


#: Who reads which format back.
READERS: Final[Mapping[str, Sequence[Callable[[Path, Report], list[Texts]]]]] = {
    "csv": [csv_rows],
    "json": [json_rows],
    "parquet": [parquet_rows, arrow_rows],
    "xlsx": [xlsx_rows],
}


def sums(rows: Sequence[Texts], report: Report) -> dict[str, Decimal]:
    """Return the exact sum of each column of decimals."""
    keys = [column.key for column in report.columns if column.type == "decimal"]
    return {key: sum((Decimal(text) for row in rows if (text := row[key]) is not None), Decimal(0)) for key in keys}
