"""Rows of a report of the test's own: values of every type, as large, small and hostile as they come."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from recon.reads.basis import Basis
from recon.reports.header import Header
from recon.reports.model import Report, ReportRow, boolean, day, decimal, integer, text, time

MADE_AT: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
REPORT: Final = Report(
    name="sample",
    title="A sample, of every type",
    view="recon.sample",
    past=None,
    columns=(text("word"), decimal("amount"), integer("number"), boolean("told"), time("at"), day("day")),
    order=("word",),
    filters={},
    tally="word",
)
BOOKS: Final = Basis(
    gateway="g, =1+1", seq=7, at=MADE_AT, digest="ab" * 32, head_seq=8, rules_digest="cd" * 32, fold_version=12
)
#: Eighty digits; the largest and smallest that fit decimal(38,18), and one digit more; beyond a double.
AMOUNTS: Final = (
    Decimal("-" + "1234567890" * 8),
    Decimal("0." + "0" * 39 + "123456789" * 4),
    Decimal("99999999999999999999.999999999999999999"),
    Decimal(100000000000000000000),
    Decimal("0.000000000000000001"),
    Decimal("-0.0000000000000000001"),
    Decimal("98765432109.87654321"),
    Decimal(999999999999999),
    Decimal(1000000000000001),
    Decimal("8.41"),
    Decimal("9.95"),
    Decimal("0.1"),
    Decimal("-0.00"),
    Decimal("1E+40"),
    Decimal("1E+400"),
    Decimal("1.50000000000000000000000000"),
)
WORDS: Final = (
    "plain", "", "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "\t=1", "\r", "\n=2", " =3", "\uff1d1", "a,b", 'say "no"',
    "line\nbreak", "#remark", "http://example.net/", "ünï çødé", "{=1}", "NULL", "<b>bold</b>", "{{ 7 * 7 }}",
)  # fmt: skip


def header(report: Report = REPORT, *, words: tuple[str, ...] = ("unit=A,=cmd()",)) -> Header:
    return Header(
        report=report, version="0", made_at=MADE_AT, filters=words, books=[BOOKS], not_current=["g: away; =2+2"]
    )


def sample() -> list[ReportRow]:
    """Return rows that together have each amount and each word, and nulls."""
    rows: list[ReportRow] = [(None, None, None, None, None, None)]
    for number in range(max(len(AMOUNTS), len(WORDS))):
        at = datetime(2026, 1, 5, 9, 0, 0, number, tzinfo=UTC)
        values = WORDS[number % len(WORDS)], AMOUNTS[number % len(AMOUNTS)], number - 3, number % 2 == 0, at
        rows.append((*values, date(2026, 1, 1 + number)))
    return rows
