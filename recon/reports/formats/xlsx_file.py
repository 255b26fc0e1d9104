"""A report as a workbook: what it says of itself, and its rows, each number beside its exact text where it needs one.

1. Each decimal column `x` has a text column `x exact` after it. It is empty, unless a spreadsheet's number (15 digits)
   does not hold `x`: then it has every digit, and `x` is the nearest number. It is hidden where no row needs it.
2. Text is written as text, never as a formula or a link. Times are ISO text in UTC: a spreadsheet knows no zones.
3. A sheet holds 1,048,576 lines; more rows go on in a further sheet. A cell holds 32,767 characters; a longer text is
   cut off and says so.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from typing import BinaryIO, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from recon.display.words import counted
from recon.errors import ConfigError
from recon.reports.header import Header
from recon.reports.model import ReportRow, Value
from recon.reports.pictures import Picture
from recon.reports.values import is_spreadsheet_number, nearest_double, text_of

#: Rows of one sheet, below its heading, and sheets of one workbook.
SHEET_ROWS: Final = 1_048_575
MAX_SHEETS: Final = 64
#: Characters of one cell.
CELL: Final = 32_767
EXACT: Final = " exact"
_CUT: Final = " … (cut off: {} characters)"
_WIDTHS: Final = {"text": 18, "decimal": 20, "integer": 10, "boolean": 8, "time": 27, "date": 11}


class _Target:
    """What a workbook is written to. A zip file that failed writes once more when it is taken away: then to nothing."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def leave(self) -> None:
        """Take whatever else is written, and keep none of it."""
        self._stream = io.BytesIO()


class XlsxFile:
    """Writes line by line; lines wait in temporary files, not in memory."""

    def __init__(self, stream: BinaryIO, header: Header, sheet_rows: int = SHEET_ROWS) -> None:
        # Removed with whatever is in it, also where the report fails.
        self._temporary = tempfile.TemporaryDirectory(prefix="recon-report-")
        self._target = _Target(stream)
        self._book = xlsxwriter.Workbook(
            self._target,
            {"constant_memory": True, "tmpdir": self._temporary.name, "use_zip64": True, "in_memory": False},
        )
        # Otherwise the file tells when it was made by the clock, and the header does that.
        self._book.set_properties({"created": header.made_at.replace(tzinfo=None), "title": header.report.title})
        self._columns = header.report.columns
        self._places = _places(header)
        self._sheet_rows = sheet_rows
        self._name = header.report.name
        self._bold: Format = self._book.add_format({"bold": True})
        self._needed = [0] * len(self._columns)
        self._cut = 0
        self._sheets: list[Worksheet] = []
        self._line = 0
        self._about(header)
        self._next_sheet()

    def write(self, rows: Sequence[ReportRow]) -> None:
        """Write the next rows."""
        for row in rows:
            if self._line > self._sheet_rows:
                self._next_sheet()
            sheet = self._sheets[-1]
            for index, value in enumerate(row):
                if value is not None:
                    self._cell(sheet, index, value)
            self._line += 1

    def end(self) -> list[str]:
        """Hide what nobody needs, and write the workbook."""
        for sheet in self._sheets:
            for column, place, needed in zip(self._columns, self._places, self._needed, strict=True):
                sheet.set_column(place, place, _WIDTHS[column.type])
                if column.type == "decimal":
                    sheet.set_column(place + 1, place + 1, _WIDTHS["text"], None, {"hidden": not needed})
        self._book.close()
        self._temporary.cleanup()
        remarks = [
            f"{counted(needed, 'number')} of {column.key} {'has' if needed == 1 else 'have'} more digits than a"
            f" spreadsheet keeps: whole in {column.key}{EXACT}"
            for column, needed in zip(self._columns, self._needed, strict=True)
            if needed
        ]
        if self._cut:
            remarks.append(f"{counted(self._cut, 'text')} longer than {CELL:,} characters cut off; CSV has them whole")
        return remarks

    def close(self) -> None:
        """Remove the lines that wait, without a workbook."""
        for sheet in self._book.worksheets():
            waiting = getattr(sheet, "row_data_fh", None)
            if waiting is not None:
                waiting.close()
        self._target.leave()
        self._temporary.cleanup()

    def _about(self, header: Header) -> None:
        sheet = self._book.add_worksheet("about")
        sheet.set_column(0, 0, 14)
        sheet.set_column(1, 1, 110)
        numbers = ("numbers", "a number with more than 15 digits is the nearest one; the column after it has them all")
        for line, (name, text) in enumerate([*header.pairs(), numbers]):
            sheet.write_string(line, 0, name, self._bold)
            sheet.write_string(line, 1, self._short(text))

    def _next_sheet(self) -> None:
        number = len(self._sheets) + 1
        if number > MAX_SHEETS:
            raise ConfigError(
                f"a workbook holds {MAX_SHEETS * self._sheet_rows:,} rows here: take CSV or Parquet, or narrow it"
            )
        sheet = self._book.add_worksheet(self._name if number == 1 else f"{self._name} {number}")
        for column, place in zip(self._columns, self._places, strict=True):
            sheet.write_string(0, place, column.key, self._bold)
            if column.type == "decimal":
                sheet.write_string(0, place + 1, f"{column.key}{EXACT}", self._bold)
        sheet.freeze_panes(1, 0)
        self._sheets.append(sheet)
        self._line = 1

    def _cell(self, sheet: Worksheet, index: int, value: Value) -> None:
        place = self._places[index]
        if isinstance(value, bool):
            sheet.write_boolean(self._line, place, value)
        elif isinstance(value, Decimal):
            self._number(sheet, index, value)
        elif isinstance(value, int) and is_spreadsheet_number(Decimal(value)):
            sheet.write_number(self._line, place, value)
        else:
            sheet.write_string(self._line, place, self._short(text_of(value)))

    def _number(self, sheet: Worksheet, index: int, value: Decimal) -> None:
        place = self._places[index]
        number = nearest_double(value)
        if number is not None:
            sheet.write_number(self._line, place, number)
        if not is_spreadsheet_number(value):
            sheet.write_string(self._line, place + 1, self._short(text_of(value)))
            self._needed[index] += 1

    def _short(self, text: str) -> str:
        if len(text) <= CELL:
            return text
        self._cut += 1
        said = _CUT.format(f"{len(text):,}")
        return text[: CELL - len(said)] + said


def _places(header: Header) -> list[int]:
    """Return the place of each column: a decimal one has its exact text after it."""
    places, place = [], 0
    for column in header.report.columns:
        places.append(place)
        place += 2 if column.type == "decimal" else 1
    return places


def sink(stream: BinaryIO, header: Header, _pictures: list[Picture]) -> XlsxFile:
    """Return what writes a workbook."""
    return XlsxFile(stream, header)
