"""The history of a unit: each change of how it is judged, and else one row a minute (semantics 7.7)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.reconciliation import histories
from recon.reconciliation.model.history import JudgedObservation
from recon.simulator.scenarios import demo_plan
from recon.testing import GatewayDriver, OrderScript, balance_row, play
from recon.times import microseconds
from tests.support.facts_driver import record_fact

D = Decimal


def _rows(driver: GatewayDriver, unit: str) -> list[JudgedObservation]:
    return [row for row in driver.reconciler.judged if row.unit == unit]


def _unexplained(row: JudgedObservation) -> Decimal | None:
    return None if row.expected is None else row.reported - row.expected - row.explained


def _started() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    return driver


def _trade(driver: GatewayDriver, order: str, *, balance: str) -> None:
    """Buy one coin; the balance follows the report at once."""
    script = OrderScript(order, [("1", "100")], placed_at=driver.now)
    driver.report(script.report(1), after=0.3)
    driver.balance("BTC", balance, after=0.3)


def test_a_unit_that_agrees_costs_one_row_a_minute_however_often_it_is_reported() -> None:
    driver = _started()
    driver.poll("BTC", "10", 600, every=0.5)
    agreed = [row for row in _rows(driver, "BTC") if row.verdict == "agreed"]
    assert 10 <= len(agreed) <= 11
    assert all(after.judged_us - before.judged_us >= histories.KEEP_US for before, after in pairwise(agreed))
    assert {_unexplained(row) for row in agreed} == {D(0)}


def test_the_last_report_of_a_unit_that_falls_silent_is_kept() -> None:
    driver = _started()
    driver.poll("BTC", "10", 65)
    _trade(driver, "o1", balance="11")
    silent_from = driver.now
    driver.wait(150)
    before, last = _rows(driver, "BTC")[-2:]
    assert (before.reported, last.reported, last.expected, last.verdict) == (D(10), D(11), D(11), "agreed")
    assert (last.us, last.last_of_minute) == (microseconds(silent_from), True)
    assert last.judged_us // histories.MINUTE_US == last.us // histories.MINUTE_US


def test_what_is_booked_after_the_report_is_not_in_its_row() -> None:
    """The last row of a minute says what was known then: here a fill, its fee and a deposit that no report has."""
    driver = GatewayDriver(Rules(defaults=AccountRules(fees=[FeeRule(maker=D("0.001"), taker=D("0.001"))])))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    driver.poll("USDT", "100000", 65)
    driver.balance("USDT", "100000", after=10)
    reported = microseconds(driver.now)
    driver.report(OrderScript("o1", [("1", "100")], placed_at=driver.now + timedelta(seconds=6)).report(1), after=10)
    record_fact(driver, "deposit", "USDT", "1000", "L-1")
    driver.wait(70)
    assert driver.value("USDT") == D("100899.9")
    (last,) = [row for row in _rows(driver, "USDT") if row.last_of_minute and row.us == reported]
    assert (last.reported, last.expected, last.explained) == (D(100000), D(100000), D(0))
    driver.poll("USDT", "100899.9", 80)
    after = _rows(driver, "USDT")[-1]
    assert (after.reported, after.expected, after.explained) == (D("100899.9"), D(99900), D("999.9"))


def test_a_unit_that_moves_all_the_time_costs_two_rows_a_minute() -> None:
    driver, minutes = _started(), 6
    before = len(_rows(driver, "BTC"))
    for number in range(10 * minutes):
        _trade(driver, f"o{number}", balance=str(11 + number))
        driver.wait(5)
    kept = _rows(driver, "BTC")[before:]
    assert minutes <= len(kept) <= 2 * minutes + 2
    lasts = [row for row in kept if row.last_of_minute]
    assert len({row.us // histories.MINUTE_US for row in lasts}) == len(lasts) >= minutes - 1
    assert {_unexplained(row) for row in kept} == {D(0)}


def test_the_other_rows_are_those_that_there_were_before_lasts_were_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closings of version 1 rest on them."""
    kept = [row for day in play(demo_plan(3, 100.0)) for row in day.fold.reconciler.judged]
    monkeypatch.setattr(histories, "keep_last", lambda *_: None)
    former = [row for day in play(demo_plan(3, 100.0)) for row in day.fold.reconciler.judged]
    assert [row for row in kept if not row.last_of_minute] == former
    assert len(kept) > len(former)


def test_a_silent_minute_is_kept_whenever_the_next_event_comes() -> None:
    driver = _started()
    driver.poll("BTC", "10", 65)
    _trade(driver, "o1", balance="11")
    reported = microseconds(driver.now)
    driver.close_session()
    driver.open_session("s2", after=7200)
    (last,) = [row for row in _rows(driver, "BTC") if row.last_of_minute][-1:]
    assert (last.us, last.reported, last.verdict) == (reported, D(11), "agreed"), "as it was before the gap"


def test_a_break_is_pending_then_break_and_the_drift_stands_in_each_row() -> None:
    driver = _started()
    driver.poll("BTC", "10", 30)
    driver.poll("BTC", "9", 30)
    verdicts = [row.verdict for row in _rows(driver, "BTC")]
    assert verdicts[-3:] == ["agreed", "pending", "break"]
    first, last = _rows(driver, "BTC")[-2:]
    assert (_unexplained(first), _unexplained(last), last.reported) == (D(-1), D(-1), D(9))
    (opened,) = driver.transitions("opened")
    assert (last.judged_seq, last.judged_us) == (opened.seq, opened.us)


def test_drift_that_ends_is_a_row_at_once() -> None:
    driver = _started()
    driver.poll("BTC", "10", 30)
    driver.poll("BTC", "9", 30)
    driver.poll("BTC", "10", 30)
    assert [(row.verdict, _unexplained(row)) for row in _rows(driver, "BTC")][-1] == ("agreed", D(0))


def test_a_race_makes_no_row_while_it_waits() -> None:
    driver = _started()
    driver.poll("BTC", "10", 30)
    before = len(_rows(driver, "BTC"))
    driver.balance("BTC", "11", after=0.3)  # the venue's balance comes before the report of the fill
    order = OrderScript("o1", [("1", "100")], placed_at=driver.now - timedelta(seconds=4))
    driver.report(order.report(1), after=0.3)
    driver.poll("BTC", "11", 20)
    assert len(_rows(driver, "BTC")) == before


def test_a_unit_that_is_not_judged_expects_nothing() -> None:
    driver = _started()
    driver.poll("BTC", "10", 30)
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.balance("BTC", "10", after=1)
    known = _rows(driver, "BTC")
    assert all(row.expected is not None for row in known if row.verdict in {"agreed", "break"})
    assert all(row.reported == D(10) for row in known)


def test_a_unit_that_recon_failed_on_is_no_longer_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = _started()
    driver.poll("BTC", "10", 30)

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("recon.reconciliation.reconciler.report_of", fails)
    driver.balance("BTC", "10", after=1)
    last = _rows(driver, "BTC")[-1]
    assert (last.verdict, last.expected) == ("stale", None)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_are_in_the_order_of_the_log_and_one_for_each_event(seed: int) -> None:
    for day in play(demo_plan(seed, 60.0)):
        rows = day.fold.reconciler.judged
        assert rows
        places = [(row.account, row.kind, row.unit, row.judged_seq) for row in rows]
        assert len(set(places)) == len(places)
        assert [row.judged_seq for row in rows] == sorted(row.judged_seq for row in rows)
        for key in {place[:3] for place in places}:
            mine = [row for row in rows if (row.account, row.kind, row.unit) == key]
            assert all(before.us <= after.us for before, after in pairwise(mine))
            assert all(row.seq <= row.judged_seq and row.us <= row.judged_us for row in mine)


def test_the_first_observation_after_a_gap_is_a_row() -> None:
    driver = _started()
    driver.poll("BTC", "10", 62)
    before = len(_rows(driver, "BTC"))
    driver.close_session()
    driver.wait(5)
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    driver.positions()
    driver.poll("BTC", "10", 20)
    after = _rows(driver, "BTC")[before:]
    assert after[-1].verdict == "agreed"
    assert after[-1].judged_us - after[0].judged_us < histories.KEEP_US
