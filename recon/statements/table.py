"""The table of a statement: its headings by meaning, and its rows as texts by heading.

1. A header that is ambiguous is refused as a whole: no cell is guessed or dropped.
2. A row with too few or too many cells is reported.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from recon.config.imports import Import
from recon.display.words import counted
from recon.errors import ConfigError
from recon.statements.sheet import Sheet

#: Most headings of a file that a message repeats.
_SHOWN: Final = 12


class StatementTable:
    """The rows of a file with their line numbers; equal rows are counted."""

    def __init__(self, path: Path, mapping: Import) -> None:
        """Read this file by this mapping."""
        self.sheet = Sheet(path, mapping)
        #: The heading of each meaning that the mapping gives.
        self.headings: dict[str, str] = {}
        self._mapping = mapping
        self._header: list[str] = []
        self._equal: dict[str, int] = {}

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield line and cells of each row. Errors: ConfigError, naming the line."""
        rows = iter(self.sheet)
        line, header = next(rows, (self._mapping.skip_lines + 1, []))
        if not header or not any(header):
            raise ConfigError(f"{self.sheet.path}: line {line}: there is no header")
        self._header = _numbered(header)
        self._find_headings(line)
        yield from rows

    def checked(self, cells: list[str]) -> Mapping[str, str]:
        """Return the cells of a row by their headings. Raise ValueError if their number is not the header's."""
        wanted = len(self._header)
        if len(cells) < wanted or any(cells[wanted:]):
            raise ValueError(f"it has {counted(len(cells), 'cell')}, and the header has {wanted}")
        return dict(zip(self._header, cells, strict=False))

    def ordinal(self, row: Mapping[str, str]) -> str:
        """Return an id for a row without one: its digest, and its number among equal rows."""
        digest = digest_of(f"{key}\x1e{row[key]}" for key in sorted(row))
        number = self._equal[digest] = self._equal.get(digest, 0) + 1
        return f"row:{digest}:{number}"

    def heading(self, name: str) -> str | None:
        """Return a column's heading as the file has it, whatever its case and its spaces; None if it is not there."""
        if name in self._header:
            return name
        name = name.removesuffix("#1")
        like = [heading for heading in self._header if _key(heading) == _key(name)]
        return like[0] if len(like) == 1 else None

    def _find_headings(self, line: int) -> None:
        """Find the columns of the mapping. Errors: ConfigError if one is not there, or is there twice."""
        where, mapping = f"{self.sheet.path}: line {line}", self._mapping
        wanted = dict(mapping.columns.named())
        wanted |= {f"={name}": (name,) for name in (*mapping.only, *mapping.skip, *mapping.group)}
        missing = []
        for key, names in wanted.items():
            found = [heading for name in names if (heading := self.heading(name)) is not None]
            if found:
                self.headings[key] = found[0]
            else:
                missing.append(names[0])
        if missing:
            there = ", ".join(self._header[:_SHOWN])
            raise ConfigError(
                f"{where}: no column {', '.join(dict.fromkeys(missing))}; the mapping is for another kind of file"
                f" (this one has {there}{', …' if len(self._header) > _SHOWN else ''})"
            )
        several = {heading for heading in self._header if f"{heading}#2" in self._header}
        twice = sorted({heading for heading in self.headings.values() if heading in several} - self._meant_first())
        if twice:
            raise ConfigError(
                f"{where}: there are several columns {', '.join(twice)}; rename all but one, or name them"
                f" {twice[0]}#1, {twice[0]}#2 in the mapping"
            )

    def _meant_first(self) -> set[str]:
        """Return the headings of which the mapping names the first one, or another one too."""
        names = [name for _, names in self._mapping.columns.named() for name in names]
        return {name.rpartition("#")[0] for name in names if "#" in name}


def digest_of(parts: Iterator[str]) -> str:
    """Return the digest of texts in their order: 32 hex digits."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _numbered(header: list[str]) -> list[str]:
    """Return the headings; from the second of equal ones on, each with its number. Spaces around one do not count."""
    seen: Counter[str] = Counter()
    numbered = []
    for written in header:
        heading = written.strip()
        seen[heading] += 1
        numbered.append(heading if seen[heading] == 1 or not heading else f"{heading}#{seen[heading]}")
    return numbered


def _key(heading: str) -> str:
    return " ".join(heading.casefold().replace("_", " ").split())
