"""What a person sees: the live screen at any size, tables on a terminal, and nothing that takes the terminal over."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from recon.cli.demo.display import Rate
from recon.cli.demo.receiver import Delivery, ReceivedAlert
from recon.cli.demo.screen import ScreenState, draw, short
from recon.cli.demo.snapshot import Snapshot
from recon.cli.demo.summary import planted_columns
from recon.cli.output import Column, Row, jsonable, text_of
from recon.cli.table import print_table
from recon.display.words import safe

NOW = datetime(2026, 1, 5, 9, 0, 12, 345678, tzinfo=UTC)


def _unit(unit: str, verdict: str, drift: Decimal | None = None) -> Row:
    return {
        "gateway": "prod-eu",
        "account": "KRAKEN/JOHN",
        "kind": "asset",
        "unit": unit,
        "held": Decimal(1),
        "reported": Decimal("1234.5600"),
        "expected": Decimal("1234.56"),
        "drift": drift,
        "verdict": verdict,
        "open_breaks": int(verdict == "break"),
    }


def _picture(units: int = 3) -> Snapshot:
    gateway = {
        "name": "prod-eu",
        "state": "connected",
        "connected_at": NOW,
        "changed_at": NOW,
        "head_seq": 120,
        "lag_events": 2,
        "reason": None,
        "detail": None,
    }
    step = {
        "at": NOW,
        "event": "opened",
        "gateway": "prod-eu",
        "account": "KRAKEN/JOHN",
        "unit": "XXBT",
        "amount": Decimal("0.02"),
        "cause": "unexplained",
    }
    return Snapshot(
        at=NOW,
        gateways=[gateway],
        units=[_unit(f"AGREED{n}", "agreed", Decimal(0)) for n in range(units)]
        + [_unit("BROKEN", "break", Decimal(-3))],
        steps=[step],
        open_breaks=1,
        pending=0,
        delivered=1,
        waiting=0,
    )


def _scene(lines: int) -> ScreenState:
    alert = ReceivedAlert("break.opened", "prod-eu", "KRAKEN/JOHN", "XXBT", Decimal("0.02"), "unexplained")
    return ScreenState(
        elapsed=12.0,
        duration=60.0,
        events_per_second=41.0,
        planted=2,
        received=1,
        deliveries=[Delivery(NOW, "msg_1", [alert])],
        lines=lines,
    )


def _drawn(width: int, height: int, units: int = 3) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(draw(_picture(units), _scene(height)))
    return console.export_text().rstrip("\n").split("\n")


def test_the_screen_shows_everything_at_once() -> None:
    shown = "\n".join(_drawn(160, 40))
    for words in (
        "12 s of 60 (20%)",
        "120 events, 41/s",
        "prod-eu",
        "connected",
        "KRAKEN/JOHN",
        "BROKEN",
        "3 agreed, 1 break",
        "opened",
        "break.opened",
        "1 alerts sent",
    ):
        assert words in shown, words


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (200, 60), (20, 5)])
def test_the_screen_fits_any_terminal(width: int, height: int) -> None:
    lines = _drawn(width, height, units=100)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


def test_what_needs_a_look_comes_first_where_there_is_little_room() -> None:
    lines = _drawn(120, 24, units=100)
    first = next(line for line in lines if "KRAKEN/JOHN" in line and "1234.56" in line)
    assert "BROKEN" in first


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1234.5600"), "1234.56"),
        (Decimal("0E-8"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.02"), "-0.02"),
        (Decimal("0.123456789"), "0.12345678…"),
        (None, "-"),
    ],
)
def test_numbers_are_short_but_never_wrong(value: Decimal | None, shown: str) -> None:
    assert short(value) == shown


def test_null_and_zero_look_different() -> None:
    assert text_of(None) != text_of(Decimal(0))
    assert text_of(Decimal("0E-10")) == "0.0000000000"
    assert jsonable({"a": [Decimal("1E+2"), None]}) == {"a": ["100", None]}


def test_nothing_from_outside_reaches_the_terminal_raw() -> None:
    hostile = "\x1b]0;title\x07\r\n\u202eevil\u2028"
    assert safe(hostile).isprintable()
    assert safe("KRAKEN/JÖHN ✓") == "KRAKEN/JÖHN ✓"
    assert safe("\ud800").isprintable()


def test_a_table_on_a_terminal_and_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"account": "[bold]A[/bold]", "amount": Decimal("1.5"), "payload": "x" * 500}]
    columns = [Column("account"), Column("amount"), Column("payload", prose=True)]
    print_table(rows, columns)
    assert "x" * 500 in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_table(rows, columns)
    shown = capsys.readouterr().out
    assert "[bold]A[/bold]" in shown, "what looks like markup is text"
    assert "x" * 500 not in shown
    assert "1.5" in shown


def test_the_faults_of_a_demonstration_fit_on_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"fault": "wrong_balance", "account": "COINBASE/DESK", "unit": "XBTUSD", "state": "cleared"}
    row = {**words, "gateway": "prod-us", "planted_at": NOW, "planted": Decimal("-1200.006"), "delay_s": "18.7"}
    row |= {"flagged": True, "amount": Decimal("-1200.00600000")}
    assert {column.key for column in planted_columns()} == row.keys(), "a pipe gets everything"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    print_table([row], planted_columns())
    shown = capsys.readouterr().out
    assert all(word in shown for word in words.values())
    assert "-1,200.006" in shown


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.of(0.0, 100) == 0.0
    assert rate.of(1.0, 150) == 50.0
    assert [rate.of(float(second), 150 + 10 * (second - 1)) for second in range(2, 10)][-1] == 10.0
