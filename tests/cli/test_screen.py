"""What a person sees: the live screen at any size, tables on a terminal, and nothing that takes the terminal over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recon.cli.demo.display import Rate
from recon.cli.demo.scoring import Fault, Opening, UnitId
from recon.cli.demo.screen import ScreenState, draw
from recon.cli.demo.snapshot import Snapshot
from recon.cli.demo.summary import planted_columns
from recon.cli.output import Column, Row, jsonable, text_of
from recon.cli.table import print_table
from recon.cli.tables.look import Look
from recon.display.words import safe

NOW = datetime(2026, 1, 5, 9, 0, 12, 345678, tzinfo=UTC)
LONG = Decimal("-123456789012.34567890")


def _unit(unit: str, verdict: str, drift: Decimal | None = None) -> Row:
    return {
        "gateway": "prod-eu", "account": "KRAKEN/JOHN", "kind": "asset", "unit": unit, "held": Decimal(1),
        "reported": Decimal("1234.5600"), "expected": Decimal("1234.56"), "drift": drift, "verdict": verdict,
        "open_breaks": int(verdict == "break"),
    }  # fmt: skip


def _fault(kind: str, amounts: dict[str, Decimal], ago: float, *, must_flag: bool = True) -> Fault:
    at = NOW - timedelta(seconds=ago)
    return Fault(kind, "prod-eu", "KRAKEN/JOHN", "asset", amounts, at, None, must_flag)


def _opening(unit: str, amount: Decimal, ago: float, state: str = "open") -> Opening:
    key = UnitId("prod-eu", "KRAKEN/JOHN", "asset", unit)
    at = NOW - timedelta(seconds=ago)
    return Opening(key, at, amount, "missed_fill", state, "b1", "3d9eecab0000", "inferred", Decimal("601.32"))


LOST = _fault("lost_fill", {"ETH": Decimal("0.2"), "USDT": Decimal("-600.008")}, 10)
LOOKED_FOR = _fault("deposit", {"XETH": Decimal(5)}, 2)
HARMLESS = _fault("restart", {}, 5, must_flag=False)
FOUND = [_opening("ETH", Decimal("0.2"), 6), _opening("USDT", Decimal("-600.008"), 4.1)]


def _picture(units: int = 3, openings: Sequence[Opening] = FOUND) -> Snapshot:
    gateway = {
        "name": "prod-eu", "state": "connected", "connected_at": NOW, "changed_at": NOW, "head_seq": 1120,
        "lag_events": 2, "reason": None, "detail": None,
    }  # fmt: skip
    return Snapshot(
        at=NOW,
        gateways=[gateway],
        units=[_unit(f"AGREED{n}", "agreed", Decimal(0)) for n in range(units)]
        + [_unit("ETH", "break", Decimal("0.2")), _unit("XETH", "pending", Decimal(5))],
        openings=list(openings),
        open_breaks=1,
        undecided=0,
        delivered=1,
        messages=1,
        waiting=0,
    )


def _drawn(
    width: int, height: int, faults: Sequence[Fault] = (LOST, HARMLESS, LOOKED_FOR), *, glyphs: bool = True
) -> list[str]:
    look = Look(width, height, colour=False, glyphs=glyphs, now=NOW)
    state = ScreenState(12.0, 60.0, 41.0, faults, 1, ["the page is at http://127.0.0.1:8080/", "Ctrl-C ends it"])
    return draw(_picture(40), state, look)


def test_a_fault_is_named_then_looked_for_then_found() -> None:
    lines = _drawn(80, 24)
    shown = "\n".join(lines)
    assert "1 of 2 found, 0 false alarms" in lines[2]
    at = next(index for index, line in enumerate(lines) if "lost_fill" in line)
    assert lines[at].endswith("KRAKEN/JOHN    +0.2 ETH, -600.008 USDT")
    assert " ".join(lines[at + 1].split()) == "✓ found after 5.9 s missed_fill, inferred 1,202.64 USD case 3d9eecab"
    assert "◐ looking, 2 s" in shown
    assert "XETH is pending: it may be timing" in shown
    assert "HARMLESS  restart ✓" in shown
    assert "AGREED" not in shown, "what agrees is a number"
    assert "✓ 40 agreed" in shown
    assert "1,120 events" in shown


def test_before_the_first_fault_it_says_what_it_waits_for() -> None:
    assert any("the first faults are planted once" in line for line in _drawn(80, 24, ()))


@pytest.mark.parametrize("height", [24, 40])
@pytest.mark.parametrize("width", [80, 120])
def test_no_number_and_no_unit_is_ever_cut(width: int, height: int) -> None:
    huge = _fault("lost_fill", {"SHIB1000": LONG, "USDT": -LONG * 1000}, 3)
    shown = "\n".join(_drawn(width, height, (huge,)))
    assert "-123,456,789,012.3456789 SHIB1000" in shown
    assert "+123,456,789,012,345.6789 USDT" in shown
    assert "…" not in shown


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (40, 12)])
def test_the_screen_fits_any_terminal(width: int, height: int) -> None:
    lines = _drawn(width, height, [LOST, LOOKED_FOR, HARMLESS] * 9)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


def test_without_utf8_it_is_ascii() -> None:
    assert "\n".join(_drawn(80, 24, glyphs=False)).isascii()


def test_a_wide_screen_lists_the_units_that_do_not_agree() -> None:
    shown = "\n".join(_drawn(120, 40))
    assert "UNITS THAT DO NOT AGREE" in shown
    assert "+0.20" in shown


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
