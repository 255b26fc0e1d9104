"""The page of a report read back: the table of its rows, as an accountant sees it."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

from recon.reports.model import Report


class _Tables(HTMLParser):
    """Keeps the cells of every table."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self._within = True

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._within:
            self.tables[-1][-1][-1] += data


def html_sums(path: Path, report: Report) -> tuple[int, dict[str, Decimal]]:
    """Return how many rows the page shows, and the exact sum of each column of decimals that it prints."""
    keys = [column.key for column in report.columns if not report.printed or column.key in report.printed]
    reader = _Tables()
    reader.feed(path.read_text("utf-8"))
    wanted = [key.replace("_", " ") for key in keys]
    rows = next((table[1:] for table in reader.tables if table[0] == wanted), [])  # without a row there is no table
    decimals = [column.key for column in report.columns if column.type == "decimal" and column.key in keys]
    places = {key: keys.index(key) for key in decimals}
    return len(rows), {
        key: sum((Decimal(row[place].replace(",", "")) for row in rows if row[place]), Decimal(0))
        for key, place in places.items()
    }
