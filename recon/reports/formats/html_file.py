"""A report as one page to print: what it rests on, charts and tables, with nothing from outside.

It shows so many rows as a person reads; how many there are in all stands above them, and CSV or Parquet hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import BinaryIO, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from recon.display.figures import figure
from recon.display.words import safe
from recon.reports.formats.charts import ageing_svg, drift_svg
from recon.reports.header import Header
from recon.reports.model import ReportRow, Value
from recon.reports.pictures import Ageing, Drift, Picture
from recon.reports.values import text_of

#: Most rows that the page shows.
SHOWN: Final = 5_000
#: Most different values that are counted.
_TALLIED: Final = 40


class HtmlFile:
    """Keeps the rows that the page shows, and counts all."""

    def __init__(self, stream: BinaryIO, header: Header, pictures: Sequence[Picture]) -> None:
        self._stream, self._header, self._pictures = stream, header, pictures
        printed = header.report.printed or [column.key for column in header.report.columns]
        self._places = [place for place, column in enumerate(header.report.columns) if column.key in printed]
        self._columns = [header.report.columns[place] for place in self._places]
        self._left_out = [column.key for column in header.report.columns if column.key not in printed]
        keys = [column.key for column in header.report.columns]
        self._tallied = None if header.report.tally is None else keys.index(header.report.tally)
        self._tally: dict[str, int] = {}
        self._rows: list[list[str]] = []
        self._count = 0

    def write(self, rows: Sequence[ReportRow]) -> None:
        """Take the next rows."""
        self._rows += [[_cell(row[place]) for place in self._places] for row in rows[: SHOWN - len(self._rows)]]
        self._count += len(rows)
        if self._tallied is not None:
            for row in rows:
                word = _cell(row[self._tallied])
                if word in self._tally or len(self._tally) < _TALLIED:
                    self._tally[word] = self._tally.get(word, 0) + 1

    def end(self) -> list[str]:
        """Write the page."""
        environment = Environment(
            loader=PackageLoader("recon.reports.formats", "."),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        ageing = next((each for each in self._pictures if isinstance(each, Ageing)), None)
        drifts = [each for each in self._pictures if isinstance(each, Drift)]
        page = environment.get_template("page.html").stream(
            header=self._header,
            about=list(self._header.pairs()),
            columns=self._columns,
            numbers=[column.type in {"decimal", "integer"} for column in self._columns],
            rows=self._rows,
            left_out=", ".join(self._left_out),
            count=self._count,
            tally=sorted(self._tally.items()),
            ageing=ageing,
            ageing_svg=None if ageing is None else Markup(ageing_svg(ageing)),  # noqa: S704 - drawn here from figures
            drifts=[(each, Markup(drift_svg(each)), _levels(each)) for each in drifts],  # noqa: S704 - as above
            figure=_cell,
        )
        page.enable_buffering(100)
        page.dump(self._stream, encoding="utf-8")
        if self._count > len(self._rows):
            return [f"the page shows {len(self._rows):,} of {self._count:,} rows; CSV, Parquet and xlsx have all"]
        return []

    def close(self) -> None:
        """Hold nothing."""


def _levels(drift: Drift) -> tuple[str, str, str]:
    """Return the least, the greatest and the last drift as figures."""
    values = [each.drift for each in drift.points]
    return _cell(min(values)), _cell(max(values)), _cell(values[-1])


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return figure(value).text
    return safe(text_of(value))


def sink(stream: BinaryIO, header: Header, pictures: list[Picture]) -> HtmlFile:
    """Return what writes a page."""
    return HtmlFile(stream, header, pictures)
