"""A report written in every format by the command, read back by other programs, and compared with SQL."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from pathlib import Path

from sqlalchemy import Engine, text

from recon.exact import EXACT
from recon.reports.catalogue import REPORTS
from recon.reports.values import text_of
from tests.support.command_line import Recon
from tests.support.html_read_back import html_sums
from tests.support.read_back import READERS, Texts, sums


def written_in_every_format(recon: Recon, engine: Engine, kind: str, place: Path) -> list[Texts]:
    """Write a report in every format; each has the rows and the sums of SQL to the last digit. Return the rows."""
    with localcontext(EXACT):
        expected = stored(engine, kind)
        for format_, readers in READERS.items():
            file = place / f"{kind}.{format_}"
            result = recon("report", kind, "-o", str(file))
            assert result.status == 0, result.err
            assert f"{len(expected)} row" in result.err
            for read in readers:
                found = read(file, REPORTS[kind])
                assert len(found) == len(expected)
                wrong = [(one, other) for one, other in zip(found, expected, strict=True) if not same(one, other, kind)]
                assert not wrong, (read.__name__, wrong[0])
                assert sums(found, REPORTS[kind]) == sums(expected, REPORTS[kind])
        page = place / f"{kind}.html"
        result = recon("report", kind, "-o", str(page))
        assert result.status == 0, result.err
        shown, printed = html_sums(page, REPORTS[kind])
        assert shown == len(expected)
        assert printed == {key: total for key, total in sums(expected, REPORTS[kind]).items() if key in printed}
    assert json.loads((place / f"{kind}.csv.about.json").read_text("utf-8"))["count"] == len(expected)
    files = [*(f"{kind}.{each}" for each in (*READERS, "html")), f"{kind}.csv.about.json"]
    assert sorted(file.name for file in place.glob("*.*")) == sorted(files)
    return expected


def stored(engine: Engine, kind: str) -> list[Texts]:
    """Return the rows as SQL has them, each value as exact text."""
    report = REPORTS[kind]
    keys = ", ".join(f"{column.sql.format(column.key)} AS {column.key}" for column in report.columns)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {keys} FROM {report.view} ORDER BY {', '.join(report.order)}"))  # noqa: S608
        return [
            {key: None if value is None else text_of(value) for key, value in row.items()} for row in found.mappings()
        ]


def same(one: Texts, other: Texts, kind: str) -> bool:
    """True if two rows are equal, numbers by value."""
    for column in REPORTS[kind].columns:
        left, right = one[column.key], other[column.key]
        if column.type == "decimal" and left is not None and right is not None:
            if Decimal(left) != Decimal(right):
                return False
        # A workbook and CSV readers have no empty text beside nothing.
        elif (left or None) != (right or None):
            return False
    return True
