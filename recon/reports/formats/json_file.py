"""A report as one JSON document: its head, its columns, and a line for each row; decimals and times are text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from recon.reports.header import Header
from recon.reports.model import ReportRow, Value
from recon.reports.pictures import Picture
from recon.reports.values import text_of


class JsonFile:
    """Writes a document that ends with the number of its rows."""

    def __init__(self, stream: BinaryIO, header: Header) -> None:
        self._stream = stream
        self._keys = [column.key for column in header.report.columns]
        self._encode = msgspec.json.Encoder().encode
        self._count = 0
        columns = [{"key": column.key, "type": column.type} for column in header.report.columns]
        head = self._encode({"version": 1, **header.document(), "columns": columns})
        stream.write(head[:-1] + b',\n"rows":[')

    def write(self, rows: Sequence[ReportRow]) -> None:
        """Write the next rows."""
        lines = [self._encode(dict(zip(self._keys, map(_jsonable, row), strict=True))) for row in rows]
        if lines:
            self._stream.write((b",\n" if self._count else b"\n") + b",\n".join(lines))
            self._count += len(lines)

    def end(self) -> list[str]:
        """Write how many rows there were."""
        self._stream.write(b'\n],"count":%d}\n' % self._count)
        return []

    def close(self) -> None:
        """Hold nothing."""


def _jsonable(value: Value) -> str | int | bool | None:
    return value if value is None or isinstance(value, str | int) else text_of(value)


def sink(stream: BinaryIO, header: Header, _pictures: list[Picture]) -> JsonFile:
    """Return what writes JSON."""
    return JsonFile(stream, header)
