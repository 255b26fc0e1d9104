"""The cells of a file, CSV or workbook, in bounded memory.

1. Only a regular file is read, and only up to the bounds below; a device or a pipe may never end.
2. A file that is no text, no CSV and no workbook is refused as a whole.
3. A workbook holds numbers as doubles; each is read as the shortest decimal that gives that double (semantics 1.2).
"""

from __future__ import annotations

import csv
import hashlib
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final, TextIO

from python_calamine import CalamineError, CalamineWorkbook

from recon.config.imports import Import
from recon.errors import ConfigError

#: Largest statement, in bytes and in rows: all its facts are in memory at once.
MAX_STATEMENT_BYTES: Final = 256 << 20
MAX_STATEMENT_ROWS: Final = 200_000
#: Longest line, in characters. A quoted cell may span lines, and csv bounds the cell itself.
MAX_LINE: Final = 100_000
#: What workbooks are called.
_WORKBOOKS: Final = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})
#: What csv says of a file that is no CSV, by how its words begin, in the words of people.
_PROBLEMS: Final = {
    "unexpected end": "a quote is opened and not closed",
    "field larger": f"a cell is longer than {csv.field_size_limit()} characters",
    "new-line": "a line ends within a cell that is not quoted",
}

Cell = int | float | str | bool | time | date | datetime | timedelta


class Sheet:
    """The rows of a file: line and cells of each, after the lines that the mapping skips."""

    def __init__(self, path: Path, mapping: Import) -> None:
        """Read this file by this mapping."""
        self.digest = hashlib.sha256()
        self.path = path
        #: What stands above the headings.
        self.above: list[str] = []
        self._mapping = mapping
        self._line = 0

    @property
    def is_workbook(self) -> bool:
        """True if the file is a workbook, whose cells have types."""
        return self.path.suffix.lower() in _WORKBOOKS

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line and cells of each row that is not blank, the headings first. Errors: ConfigError."""
        path = self.path
        try:
            _check_file(path)
            rows = self._workbook if self.is_workbook else self._csv
            yield from self._bounded(rows)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or 'unknown reason'}") from error
        except UnicodeError:
            # The stream decodes ahead, so the line is the first that it can be.
            encoding = self._mapping.encoding.removesuffix("-sig").upper()
            where = f"line {self._line + 1} or a later one"
            raise ConfigError(f"{path}: {where} is not text in {encoding}; set `encoding` for its import") from None
        except csv.Error as error:
            words = (text for start, text in _PROBLEMS.items() if str(error).startswith(start))
            problem = next(words, "a quote stands within a cell")
            raise ConfigError(f"{path}: line {self._line}: is not CSV: {problem}") from None

    def _bounded(self, rows: Callable[[], Iterator[tuple[int, list[str]]]]) -> Iterator[tuple[int, list[str]]]:
        for number, (line, cells) in enumerate(rows()):
            if number > MAX_STATEMENT_ROWS:
                raise ConfigError(f"{self.path}: has more than {MAX_STATEMENT_ROWS} rows; split it")
            yield line, cells

    def _csv(self) -> Iterator[tuple[int, list[str]]]:
        with self.path.open(encoding=self._mapping.encoding, newline="") as stream:
            lines = self._lines(stream)
            for _ in range(self._mapping.skip_lines):
                self.above.append(next(lines, ""))
            skipped = self._line
            reader = csv.reader(lines, delimiter=self._mapping.delimiter, strict=True)
            for number, cells in enumerate(reader):
                if cells or not number:
                    yield skipped + reader.line_num, cells

    def _lines(self, stream: TextIO) -> Iterator[str]:
        """Yield the lines, each bounded and without what no text holds."""
        while line := stream.readline(MAX_LINE + 1):
            self._line += 1
            if len(line) > MAX_LINE:
                raise ConfigError(f"{self.path}: line {self._line}: is longer than {MAX_LINE} characters")
            if "\0" in line:
                raise ConfigError(f"{self.path}: line {self._line}: holds a NUL (U+0000), so it is no CSV file")
            self.digest.update(line.encode())
            yield line.replace("\ufeff", "") if self._line <= self._mapping.skip_lines + 1 else line

    def _workbook(self) -> Iterator[tuple[int, list[str]]]:
        self.digest.update(self.path.read_bytes())
        try:
            _check_unpacked(self.path)
            with CalamineWorkbook.from_path(self.path) as book:
                name = self._sheet_name(book.sheet_names)
                rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        except (CalamineError, zipfile.BadZipFile):
            raise ConfigError(f"{self.path}: is no workbook that can be read; save it as .xlsx or as CSV") from None
        skip = self._mapping.skip_lines
        self.above += [" ".join(filter(None, map(_text_of, row))) for row in rows[:skip]]
        for number, row in enumerate(rows[skip:], skip + 1):
            cells = [_text_of(cell) for cell in row]
            if any(cells) or number == skip + 1:
                yield number, cells

    def _sheet_name(self, names: list[str]) -> str:
        wanted = self._mapping.sheet
        if not names:
            raise ConfigError(f"{self.path}: the workbook has no sheet")
        if wanted is not None and wanted not in names:
            raise ConfigError(f"{self.path}: has no sheet {wanted!r}; there are {', '.join(names)}")
        return wanted or names[0]


def _text_of(cell: Cell) -> str:
    """Return the text of a workbook's cell, as a CSV file would have it."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return cell if isinstance(cell, str) else str(cell)


def _check_file(path: Path) -> None:
    """Refuse what is no file, or too large. Errors: ConfigError, OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path}: is no regular file; save the statement as one first")
    if status.st_size > MAX_STATEMENT_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_STATEMENT_BYTES} bytes; split it")


def _check_unpacked(path: Path) -> None:
    """Refuse a workbook that is too large once it is unpacked. Errors: ConfigError, BadZipFile."""
    if path.suffix.lower() == ".xls":
        return
    with zipfile.ZipFile(path) as packed:
        size = sum(item.file_size for item in packed.infolist())
    if size > MAX_STATEMENT_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_STATEMENT_BYTES} bytes once unpacked; split it")
