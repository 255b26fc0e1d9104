"""The venue's times of fills: their resolution, and a clock that is ahead or behind (recon/ledger/stamps.py)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.legs import Stamp
from recon.ledger.stamps import CLOCK_FILLS, MAX_AHEAD_US, RESOLUTIONS_US, Stamps, resolution_of
from recon.testing import GatewayDriver, OrderScript, balance_row
from recon.times import microseconds
from tests.support.leg_keeper import keep_legs
from tests.support.rest_driver import RECOVERING, BackfillRun
from tests.support.trading_account import trading

WINDOW_US = 1_000_000
START_US = 1_767_603_600_000_000


def heard(stamps: Stamps, delays_us: list[int], *, step_us: int = 700_001) -> None:
    """Note fills one after the other, each so long before its report came."""
    for number, delay_us in enumerate(delays_us):
        arrived_us = START_US + number * step_us
        stamps.note_delay(arrived_us - delay_us, arrived_us, WINDOW_US, skew_us=0)


@pytest.mark.parametrize(
    ("us", "resolution_us"),
    [(0, 1_000_000), (3_000_000, 1_000_000), (3_200_000, 100_000), (3_210_000, 10_000), (3_214_000, 1_000), (7, 1)],
)
def test_the_trailing_zeros_of_a_time_tell_its_resolution(us: int, resolution_us: int) -> None:
    assert resolution_of(us) == resolution_us


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_the_resolution_is_the_finest_seen_in_any_order(times_us: list[int]) -> None:
    stamps = Stamps()
    told = [stamps.stamp(us, 10**10, skew_us=0).resolution_us for us in times_us]
    finest = min(map(resolution_of, times_us))
    assert stamps.resolution_us == finest == told[-1]
    assert told == sorted(told, reverse=True)
    assert set(told) <= set(RESOLUTIONS_US)


def test_a_fill_happens_by_our_clock_and_never_after_its_arrival() -> None:
    stamps = Stamps()
    assert stamps.stamp(START_US + 1, START_US + 9, skew_us=5) == Stamp(START_US + 6, 1)
    assert stamps.stamp(START_US + 7, START_US + 9, skew_us=5) == Stamp(START_US + 9, 1)


@pytest.mark.parametrize(
    ("delays_us", "ahead_us"),
    [
        ([-300_000, -250_001], 300_000),
        ([600_000, 700_001], -600_000),
        ([-300_000, 1], 0),
        ([400_000, 900_001], 0),
        ([600_000, 3_000_000], 0),
        ([-MAX_AHEAD_US * 3], MAX_AHEAD_US),
    ],
    ids=["ahead", "behind", "one after its arrival", "within half a window", "sent late", "no running clock"],
)
def test_a_clock_is_wrong_if_the_delays_of_the_last_fills_agree_on_it(delays_us: list[int], ahead_us: int) -> None:
    stamps = Stamps()
    delays = (delays_us * CLOCK_FILLS)[:CLOCK_FILLS]
    heard(stamps, delays[:-1])
    assert stamps.ahead_us == 0
    heard(stamps, delays[-1:])
    assert stamps.ahead_us == ahead_us


def test_one_fill_that_was_sent_late_does_not_undo_what_is_known_of_a_clock() -> None:
    stamps = Stamps()
    heard(stamps, [-300_000] * CLOCK_FILLS)
    heard(stamps, [30_000_000])
    heard(stamps, [-290_000] * CLOCK_FILLS)
    assert stamps.ahead_us == 300_000


def test_a_clock_that_is_put_right_is_right_again() -> None:
    stamps = Stamps()
    heard(stamps, [-2_000_000] * CLOCK_FILLS)
    heard(stamps, [10_000] * CLOCK_FILLS)
    assert stamps.ahead_us == -10_000
    assert stamps.stamp(START_US, START_US + 10_000, skew_us=0).us == START_US + 10_000


@given(st.lists(st.integers(-(10**13), 10**13), max_size=5 * CLOCK_FILLS))
def test_what_is_kept_of_delays_is_bounded(delays_us: list[int]) -> None:
    stamps = Stamps()
    heard(stamps, delays_us)
    assert len(stamps.delays_us) <= CLOCK_FILLS
    assert abs(stamps.ahead_us) <= MAX_AHEAD_US


# -- in a day --------------------------------------------------------------------------------------------------------


def fill_ahead(driver: GatewayDriver, key: str, seconds: float) -> OrderScript:
    order = OrderScript(key, [("1", "100")], placed_at=driver.now + timedelta(seconds=seconds - 4))
    driver.report(order.report(1))
    return order


def test_the_clock_of_a_venue_is_learnt_from_the_reports_of_fills() -> None:
    driver = trading()
    for number in range(CLOCK_FILLS):
        fill_ahead(driver, f"o{number}", 1.5)
    legs = keep_legs(driver)
    fill_ahead(driver, "last", 1.5)
    assert driver.ledger.accounts[driver.account].stamps.ahead_us == 1_490_000
    assert {leg.stamp.us for _, leg in legs} == {microseconds(driver.now)}
    fill_ahead(driver, "earlier", 1.2)
    assert {leg.stamp.us for leg in legs.of("BTC")[1:]} == {microseconds(driver.now) - 300_000}


def test_a_fill_whose_report_tells_no_time_has_none_although_an_earlier_report_told_one() -> None:
    driver = trading()
    order = OrderScript("a", [("1", "100")], placed_at=driver.now, lists_fills=False)
    driver.report(order.report(0))
    legs = keep_legs(driver)
    driver.report(order.report(1, status_history=[]), after=3)
    assert {leg.stamp for _, leg in legs} == {Stamp(microseconds(driver.now))}


@pytest.mark.parametrize("hidden", [True, False])
def test_a_fill_without_a_time_that_a_gap_hid_happened_by_the_end_of_the_gap(*, hidden: bool) -> None:
    driver = GatewayDriver(RECOVERING)
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    order = OrderScript("a", [("1", "100")], placed_at=driver.now, lists_fills=False)
    driver.report(order.report(0))
    driver.close_session()
    driver.open_session("s2", after=3)
    driver.server_info()
    ended_us = microseconds(driver.now)
    driver.orders()
    backfill = BackfillRun(driver)
    backfill.begin()
    legs = keep_legs(driver)
    report = order.report(1, status_history=[])
    if hidden:
        backfill.status("a", report)
    else:
        driver.report(report)
    assert {leg.stamp for _, leg in legs} == {Stamp(ended_us if hidden else microseconds(driver.now))}


def test_a_fill_without_a_time_is_stamped_when_its_report_came() -> None:
    driver = trading()
    legs = keep_legs(driver)
    driver.report(OrderScript("a", [("1", "100")], lists_fills=False).report(1, status_history=[]))
    assert {leg.stamp for _, leg in legs} == {Stamp(microseconds(driver.now))}
