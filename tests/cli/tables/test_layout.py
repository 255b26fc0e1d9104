"""Tables on a terminal: nothing is wider than it, no digit is lost, points stand below each other (ux 14)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recon.cli.break_list import BREAKS, CASES, cases_screen
from recon.cli.close_screen import FIGURES as CLOSE_FIGURES
from recon.cli.close_screen import LINES, SIGNED
from recon.cli.commands import entries, events, facts, fees, fills, findings, firm, orders, rules, venues
from recon.cli.coverage_screen import GAPS, QUESTIONS, STRETCHES
from recon.cli.output import Column, Row
from recon.cli.result_output import table_of
from recon.cli.tables.cells import FIGURES, cells_of, kind_of
from recon.cli.tables.layout import table_lines
from recon.cli.tables.look import Look
from recon.cli.tables.pipe import pipe_text
from recon.cli.tables.screen import NextStep, Screen, screen_lines
from recon.cli.tables.table import Choice, Note, Table
from recon.cli.tables.text import command_lines, width_of, wrapped
from recon.cli.unit_list import BALANCES, POSITIONS
from recon.exact import MAX_DIGITS, MAX_EXPONENT, plain

NOW = datetime(2026, 11, 28, 19, 33, 19, tzinfo=UTC)
WIDTHS = (50, 80, 120)
TABLES: dict[str, tuple[Sequence[Column], Sequence[Sequence[str]], Sequence[str]]] = {
    "cases": (CASES, (), ()),
    "breaks": (BREAKS, (), ()),
    "balances": (BALANCES, [("reported", "expected", "drift")], ("account", "gateway")),
    "positions": (POSITIONS, [("reported", "expected", "drift")], ("account", "gateway")),
    "gaps": (GAPS, (), ()),
    "close": (LINES, [CLOSE_FIGURES], ()),
    "closings": (SIGNED, (), ()),
    "stretches": (STRETCHES, (), ()),
    "questions": (QUESTIONS, (), ()),
    "orders": (orders.LISTING.columns, orders.LISTING.units, ()),
    "fills": (fills.LISTING.columns, (), ()),
    "entries": (entries.LISTING.columns, entries.LISTING.units, ()),
    "findings": (findings.LISTING.columns, (), ()),
    "firm balances": (firm.BALANCES, (), ()),
    "firm positions": (firm.POSITIONS, (), ()),
    "fees": (fees.RATES, (), ("account", "gateway")),
    "facts": (facts.WAITING, (), ()),
    "venues": (venues.LISTING.columns, (), ()),
    "rules": (rules._RULES, (), ()),
    "events": (events.EVENTS, (), ()),
    "refused": (events.REFUSED, (), ()),
}
#: The largest numbers on the wire, and names of any length and script.
NUMBERS = st.none() | st.decimals(
    allow_nan=False,
    allow_infinity=False,
    min_value=Decimal(10) ** MAX_EXPONENT * -9,
    max_value=Decimal(10) ** MAX_EXPONENT,
)
LARGEST = Decimal("-" + "9" * (MAX_DIGITS // 2) + "." + "1" * (MAX_DIGITS // 2))
NAMES = st.sampled_from(
    ["ETH", "KRAKEN/JOHN", "DERIBIT_OPTION_BTC_USD_261225_100000_C", "取引所/口座", "A" * 130, "a b c"]
)


def look(width: int, *, glyphs: bool = True, raw: bool = False) -> Look:
    return Look(width, 24, colour=False, glyphs=glyphs, now=NOW, raw=raw)


def value_of(column: Column, number: Decimal | None, name: str) -> object:
    """Return a value of the kind that the column shows."""
    if column.kind in FIGURES:
        return (number, number) if column.key == "amounts" else number
    values: dict[str, object] = {
        "count": None if number is None else 999_999_999,
        "number": 7,
        "share": Decimal("84.95"),
        "age": NOW - timedelta(days=400),
        "duration": timedelta(hours=30),
        "skew": timedelta(seconds=-3),
        "time": NOW - timedelta(days=400),
        "exact_time": NOW,
        "state": "investigating",
        "mark": "to approve",
        "id": f"{abs(hash(name)):032x}",
    }
    return values.get(
        column.kind, (name, name) if column.key == "units" else f"{name} {name}" if column.prose else name
    )


def row_of(columns: Sequence[Column], number: Decimal | None, name: str) -> Row:
    return {column.key: value_of(column, number, name) for column in columns}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=5, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=3), names=st.lists(NAMES, min_size=3, max_size=3))
@example(numbers=[LARGEST, Decimal("0.5"), None], names=["A" * 130, "取引所/口座", "ETH"])
@example(numbers=[Decimal("1.5")], names=["ETH", "ETH", "ETH"])
def test_no_line_is_wider_and_no_number_is_broken(
    name: str, width: int, numbers: list[Decimal | None], names: list[str]
) -> None:
    columns, units, group = TABLES[name]
    rows: list[Row] = [row_of(columns, number, each) for number, each in zip(numbers, names, strict=False)]
    table = Table(columns=columns, rows=rows, units=units, group=group)
    for choice in (Choice(), Choice(wide=True), Choice(flat=True)):
        lines = table_lines(table, look(width), choice)
        for line in lines:
            alone = re.fullmatch(r"[+-]?[\d,.]+", line.strip())
            assert width_of(line) <= width or alone, line
        shown = "\n".join(lines)
        for column in columns:
            if column.kind in FIGURES and column.rank == 0 and not column.wide:
                texts = [text.strip() for each in cells_of(column, rows, units, look(width)).lines for text in each]
                assert all(text in shown for text in texts), f"{column.key} is whole"


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=10, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=2, max_size=5))
def test_points_stand_below_each_other(name: str, numbers: list[Decimal | None]) -> None:
    columns, units, _ = TABLES[name]
    rows = [row_of(columns, number, "ETH") for number in numbers]
    for column in columns:
        if kind_of(column, rows) in FIGURES:
            texts = [text for each in cells_of(column, rows, units, look(200)).lines for text in each]
            assert len({text.index(".") for text in texts if "." in text}) <= 1
            assert len({len(text) for text in texts}) == 1


@given(NUMBERS)
def test_a_figure_is_the_same_everywhere_but_for_separators(number: Decimal | None) -> None:
    column, rows = Column("drift", kind="signed"), [{"drift": number}]
    ((shown,),) = cells_of(column, rows, (), look(80)).lines
    ((raw,),) = cells_of(column, rows, (), look(80, raw=True)).lines
    piped = pipe_text(Table(columns=[column], rows=rows), Choice()).splitlines()[1].strip()
    if number is None:
        assert (shown, raw, piped) == ("-", "-", "-")
    else:
        assert Decimal(shown.replace(",", "")) == number
        assert raw == piped == plain(number)


def test_columns_give_way_by_rank_and_all_of_one_rank_at_once() -> None:
    columns = [Column("a"), Column("b", rank=2), Column("c", rank=1), Column("d", rank=2), Column("e")]
    table = Table(columns=columns, rows=[{key: key * 20 for key in "abcde"}])
    shown = {width: table_lines(table, look(width), Choice())[0].split() for width in (110, 100, 60)}
    assert shown == {110: ["a", "b", "c", "d", "e"], 100: ["a", "c", "e"], 60: ["a", "e"]}
    assert table_lines(table, look(60), Choice(columns=("d", "a")))[0].split() == ["d", "a"]


def test_what_finds_no_room_is_named_where_a_figure_is_among_it() -> None:
    columns = [Column("a"), Column("b", rank=2), Column("held", rank=1)]
    row: Row = {"a": "a" * 40, "b": "b" * 40, "held": Decimal("123456789012345678901234567890.5")}
    table = Table(columns=columns, rows=[row])
    assert table_lines(table, look(200), Choice())[1:] == [table_lines(table, look(200), Choice())[1]]
    assert len(table_lines(table, look(100), Choice())) == 2, "a text may give way in silence"
    assert table_lines(table, look(60), Choice())[-1] == "no room for b, held"


def test_amounts_of_an_unknown_query_and_what_they_are_of_never_give_way() -> None:
    row: dict[str, object] = {
        "gateway": "g" * 9,
        "cause": "c" * 50,
        "unit": "ETH",
        "amount": Decimal("-600.008"),
        "state": "s" * 40,
    }
    lines = table_lines(table_of(list(row), [row]), look(60), Choice())
    assert lines[0].split() == ["gateway", "unit", "amount"]
    assert lines[-1] == "no room for cause, state"
    narrow = table_lines(table_of(list(row), [row | {"gateway": "g" * 50}]), look(60), Choice())
    assert [line.split()[0] for line in narrow] == list(row), "a block for each record"


def test_where_nothing_fits_each_record_is_a_block() -> None:
    columns = [Column("account"), Column("reported", kind="figure"), Column("drift", kind="signed")]
    rows = [
        {"account": "KRAKEN/JOHN", "reported": Decimal("855785.12341"), "drift": Decimal("-0.5")},
        {"account": "BINANCE", "reported": Decimal(7), "drift": Decimal(0)},
    ]
    table = Table(columns=columns, rows=rows, units=[("reported", "drift")])
    assert table_lines(table, look(50), Choice()) == [
        "account   KRAKEN/JOHN",
        "reported  855,785.12341",
        "drift          -0.50000",
        "",
        "account   BINANCE",
        "reported  7",
        "drift     0",
    ]


def test_a_row_of_a_case_has_a_line_for_each_leg_and_what_no_column_says_below() -> None:
    case = {
        "need": "to approve", "case_id": "34fbe5b8aaaa", "gateway": "prod-eu", "account": "BINANCE", "amounts":
        [Decimal("0.2"), Decimal("-600.008")], "units": ["ETH", "USDT"], "cause": "missed_fill",
        "certainty": "inferred", "since": NOW - timedelta(seconds=31), "amount_usd": Decimal("1202.64"),
        "severity": "medium", "state": "proposed", "who": None,
        "proposed_by": "alice",
        "digests": ["3d2feb0983b1"], "opened_at": NOW, "closed_at": None,
    }  # fmt: skip
    screen = cases_screen([case], moment="19:33:19 UTC  current", empty="")
    lines = screen_lines(screen, look(80), lambda _table: Choice())
    assert lines == [
        "1 case open (2 breaks): 1 to approve",
        "worth 1,202.64 USD                                         19:33:19 UTC  current",
        "",
        "   case      account    amount  unit  cause          since       usd",
        "◐  34fbe5b8  BINANCE    +0.2    ETH   missed_fill ~   31 s  1,202.64",
        "                      -600.008  USDT",
        "             proposed by alice; a second login may have to decide",
        "",
        "◐ to approve",
        "~ inferred  ? candidate  = exact   usd: legs added   since: the first report",
        "next  recon break approve 3d2feb0983",
        "      recon break show 34fbe5b8         why, and what to do",
    ]


def test_legs_that_wait_together_are_shown_and_not_approved_one_by_one() -> None:
    case = {
        "need": "to approve", "case_id": "34fbe5b8aaaa", "gateway": "prod-eu", "account": "BINANCE", "amounts":
        [Decimal("0.2"), Decimal(-600)], "units": ["ETH", "USDT"], "cause": "missed_fill", "certainty": "inferred",
        "since": NOW, "amount_usd": Decimal(1200), "severity": "medium", "state": "proposed", "who": None,
        "proposed_by": "alice", "digests": ["3d2feb0983b1", "4d2feb0983b1"], "opened_at": NOW, "closed_at": None,
    }  # fmt: skip
    (step,) = cases_screen([case], moment="now", empty="").steps
    assert step.why.startswith("the proposal that waits")
    assert step.command == "recon break show 34fbe5b8"


def test_without_utf_8_every_character_is_ascii() -> None:
    columns = [Column("name"), Column("state", kind="state"), Column("text", prose=True)]
    rows: list[Row] = [
        {"name": "取引所", "state": "break", "text": "a … b"},
        {"name": "x", "state": "unmodelled", "text": None},
    ]
    lines = table_lines(Table(columns=columns, rows=rows), look(80, glyphs=False), Choice())
    assert all(line.isascii() for line in lines)
    assert "! break" in lines[1]
    assert "[] unmodelled" in lines[2]


def test_what_is_not_seen_now_is_hatched_and_nothing_is_red_or_a_tick() -> None:
    columns = [Column("drift", kind="signed"), Column("verdict", kind="state")]
    rows = [{"drift": Decimal(1), "verdict": "break", "not_current": True}]
    coloured = Look(80, 24, colour=True, glyphs=True, now=NOW)
    (line,) = table_lines(Table(columns=columns, rows=rows), coloured, Choice())[1:]
    assert "▒ break" in line
    assert "31" not in line, "no red"


def test_colour_is_never_counted_as_width() -> None:
    columns = [Column("verdict", kind="state"), Column("asset")]
    table = Table(columns=columns, rows=[{"verdict": "break", "asset": "ETH"}], title="x")
    plain_lines = table_lines(table, look(80), Choice())
    painted = table_lines(table, Look(80, 24, colour=True, glyphs=True, now=NOW), Choice())
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in painted] == plain_lines
    assert "\x1b[1;31m" in painted[2]


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=200), st.integers(1, 60))
@example("two  spaces", 3)
def test_wrapped_text_is_whole_and_never_parts_digits(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for one, other in pairwise(lines):
        assert not (one[-1:].isdigit() and other[:1].isdigit() and f"{one[-1]}{other[0]}" in text.replace(" ", "\0"))


@given(st.lists(st.text("abc-", min_size=1, max_size=12), min_size=1, max_size=20), st.integers(20, 80))
def test_a_long_command_is_one_command_for_a_shell(words: list[str], width: int) -> None:
    lines = command_lines(" ".join(words), width)
    assert all(len(line) <= width for line in lines)
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert " ".join(line.removesuffix("\\").strip() for line in lines).split() == words


def test_notes_and_next_steps_keep_to_the_width_but_for_lines_to_paste() -> None:
    table = Table(
        columns=[Column("asset")],
        rows=[{"asset": "USD"}],
        notes=lambda _row, _shown: [
            Note("why", "word " * 40),
            Note("add", "x" * 100, verbatim=True),
            Note("add", "y = 1"),
        ],
    )
    screen = Screen(tables=[table], steps=[NextStep("recon break approve " + "word " * 20, "why"), NextStep("recon")])
    lines = screen_lines(screen, look(60), lambda _table: Choice())
    assert [line for line in lines if len(line) > 60] == ["  add  " + "x" * 100]
    assert sum(line.strip().startswith("why") for line in lines) == 1
    assert "       y = 1" in lines, "a label stands once"


def test_a_group_is_a_heading_unless_the_rows_are_sorted() -> None:
    columns = [Column("gateway"), Column("account"), Column("asset")]
    rows = [{"gateway": "eu", "account": "A", "asset": asset} for asset in ("BTC", "ETH")]
    table = Table(columns=columns, rows=rows, group=("account", "gateway"))
    assert table_lines(table, look(80), Choice()) == ["  asset", "A  eu", "  BTC", "  ETH"]
    assert table_lines(table, look(80), Choice(flat=True))[0].split() == ["gateway", "account", "asset"]
