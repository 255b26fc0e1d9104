"""The rows of a statement: CSV read in bounded memory, with the line of everything that is wrong.

1. Only a regular file is read, and only up to the bounds below; a device or a pipe may never end.
2. A file that is no text or no CSV, or whose header is ambiguous, is refused as a whole.
3. A row with too few or too many cells is reported; no cell is guessed or dropped.
"""

from __future__ import annotations

import csv
import hashlib
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from recon.config.imports import Import
from recon.errors import ConfigError

#: Largest statement, in bytes and in rows: all its facts are in memory at once.
MAX_STATEMENT_BYTES: Final = 256 << 20
MAX_STATEMENT_ROWS: Final = 200_000
#: Longest line, in characters. A quoted cell may span lines, and csv bounds the cell itself.
MAX_LINE: Final = 100_000
#: What csv says of a file that is no CSV, by how its words begin, in the words of people.
_PROBLEMS: Final = {
    "unexpected end": "a quote is opened and not closed",
    "field larger": f"a cell is longer than {csv.field_size_limit()} characters",
    "new-line": "a line ends within a cell that is not quoted",
}


class StatementRows:
    """The rows of a file with their line numbers; equal rows are counted."""

    def __init__(self, path: Path, mapping: Import) -> None:
        """Read this file by this mapping."""
        self.digest = hashlib.sha256()
        self._path = path
        self._mapping = mapping
        self._header: list[str] = []
        self._equal: dict[str, int] = {}
        self._line = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line and cells of each row. Errors: ConfigError, naming the line."""
        path, mapping = self._path, self._mapping
        try:
            _check_file(path)
            with path.open(encoding=mapping.encoding, newline="") as stream:
                reader = csv.reader(self._lines(stream), delimiter=mapping.delimiter, strict=True)
                self._header = self._checked_header(next(reader, []))
                number = 0
                for cells in reader:
                    if not cells:
                        continue  # a blank line
                    number += 1
                    if number > MAX_STATEMENT_ROWS:
                        raise ConfigError(f"{path}: has more than {MAX_STATEMENT_ROWS} rows; split it")
                    yield reader.line_num, cells
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or 'unknown reason'}") from error
        except UnicodeError:
            # The stream decodes ahead, so the line is the first that it can be.
            encoding = mapping.encoding.removesuffix("-sig").upper()
            where = f"line {self._line + 1} or a later one"
            raise ConfigError(f"{path}: {where} is not text in {encoding}; set `encoding` for its import") from None
        except csv.Error as error:
            words = (text for start, text in _PROBLEMS.items() if str(error).startswith(start))
            problem = next(words, "a quote stands within a cell")
            raise ConfigError(f"{path}: line {self._line}: is not CSV: {problem}") from None

    def checked(self, cells: list[str]) -> Mapping[str, str]:
        """Return the cells of a row by their headings. Raise ValueError if their number is not the header's."""
        wanted = len(self._header)
        if len(cells) < wanted or any(cells[wanted:]):
            raise ValueError(f"it has {len(cells)} cells, and the header has {wanted}")
        return dict(zip(self._header, cells, strict=False))

    def ordinal(self, row: Mapping[str, str]) -> str:
        """Return an id for a row without one: its digest, and its number among equal rows."""
        digest = hashlib.sha256("\x1f".join(f"{key}\x1e{row[key]}" for key in sorted(row)).encode()).hexdigest()[:32]
        number = self._equal[digest] = self._equal.get(digest, 0) + 1
        return f"row:{digest}:{number}"

    def _lines(self, stream: TextIO) -> Iterator[str]:
        """Yield the lines, each bounded and without what no text holds."""
        while line := stream.readline(MAX_LINE + 1):
            self._line += 1
            if len(line) > MAX_LINE:
                raise ConfigError(f"{self._path}: line {self._line}: is longer than {MAX_LINE} characters")
            if "\0" in line:
                raise ConfigError(f"{self._path}: line {self._line}: holds a NUL (U+0000), so it is no CSV file")
            self.digest.update(line.encode())
            yield line

    def _checked_header(self, header: list[str]) -> list[str]:
        """Return the header. Errors: ConfigError if a column of the mapping is not there, or is there twice."""
        if not header:
            raise ConfigError(f"{self._path}: line 1: there is no header")
        wanted = [name for name in self._mapping.columns.model_dump().values() if name is not None]
        missing = [name for name in wanted if name not in header]
        if missing:
            raise ConfigError(
                f"{self._path}: line 1: no column {', '.join(missing)}; the mapping is for another kind of file"
            )
        twice = [name for name in dict.fromkeys(wanted) if header.count(name) > 1]
        if twice:
            raise ConfigError(f"{self._path}: line 1: there are several columns {', '.join(twice)}; rename all but one")
        return header


def _check_file(path: Path) -> None:
    """Refuse what is no file, or too large. Errors: ConfigError, OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path}: is no regular file; save the statement as one first")
    if status.st_size > MAX_STATEMENT_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_STATEMENT_BYTES} bytes; split it")
