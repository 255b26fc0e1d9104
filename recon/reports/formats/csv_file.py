"""A report as CSV: the keys of the columns, and a line for each row; what it says of itself stands beside.

Programs that guess how a file is written lose rows where other lines come first, so the head is a file of its own,
JSON, unless somebody wants it above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from recon.reports import csv_lines
from recon.reports.header import Header
from recon.reports.model import ReportRow
from recon.reports.pictures import Picture


class CsvFile:
    """Writes UTF-8 without a byte order mark."""

    def __init__(self, stream: BinaryIO, header: Header) -> None:
        self._stream = stream
        self._put(csv_lines.line([column.key for column in header.report.columns]))

    def write(self, rows: Sequence[ReportRow]) -> None:
        """Write the next rows."""
        self._put("".join([csv_lines.line(row) for row in rows]))

    def end(self) -> list[str]:
        """Return nothing: every row is whole."""
        return []

    def close(self) -> None:
        """Hold nothing."""

    def _put(self, text: str) -> None:
        self._stream.write(text.encode())


def head(header: Header) -> bytes:
    """Return the head as remarks, which may stand above the rows."""
    lines = [csv_lines.remark(name, text) for name, text in header.pairs()]
    return "".join([*lines, csv_lines.remark("cells", csv_lines.SAFETY)]).encode()


def about(header: Header, rows: int) -> bytes:
    """Return the head as JSON, for a file beside."""
    columns = [{"key": column.key, "type": column.type} for column in header.report.columns]
    document = {"version": 1, **header.document(), "columns": columns, "cells": csv_lines.SAFETY, "count": rows}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def sink(stream: BinaryIO, header: Header, _pictures: list[Picture]) -> CsvFile:
    """Return what writes CSV."""
    return CsvFile(stream, header)
