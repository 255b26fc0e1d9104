"""A report as CSV: remarks with its head, the keys of the columns, and a line for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from recon.reports import csv_lines
from recon.reports.header import Header
from recon.reports.model import ReportRow
from recon.reports.pictures import Picture


class CsvFile:
    """Writes UTF-8 without a byte order mark."""

    def __init__(self, stream: BinaryIO, header: Header) -> None:
        self._stream = stream
        head = [csv_lines.remark(name, text) for name, text in header.pairs()]
        head.append(csv_lines.remark("cells", csv_lines.SAFETY))
        keys = csv_lines.line([column.key for column in header.report.columns])
        self._put("".join(head) + keys)

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


def sink(stream: BinaryIO, header: Header, _pictures: list[Picture]) -> CsvFile:
    """Return what writes CSV."""
    return CsvFile(stream, header)
