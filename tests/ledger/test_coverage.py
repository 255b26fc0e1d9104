"""Coverage of an account by stretches of the log (recon/ledger/coverage.py, rules 1 to 3; architecture 4)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.apply.sessions import interrupt_coverage
from recon.ledger.coverage import CoverageInterval
from recon.log import events
from recon.testing import GatewayDriver, OrderScript, balance_row
from recon.times import LogTime
from tests.support.properties import steady
from tests.support.rest_driver import RECOVERING

D = Decimal
ROWS: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
OTHER: Final = "KRAKEN/JOHN"


def intervals(driver: GatewayDriver, account: str | None = None) -> list[CoverageInterval]:
    """Return the latest row of every interval of an account."""
    latest: dict[int, CoverageInterval] = {}
    for interval in driver.ledger.changes.intervals:
        if interval.account == (account or driver.account):
            latest[interval.from_seq] = interval
    return [latest[seq] for seq in sorted(latest)]


def started() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(*ROWS)
    return driver


def reconnect(driver: GatewayDriver, session: str = "s2", *orders: dict[str, object]) -> None:
    driver.open_session(session)
    driver.server_info()
    driver.orders(*orders)  # type: ignore[arg-type]
    driver.balances(*ROWS)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "close", "info", "restart", "stop", "orders", "balances", "tick", "silence", "report", "vanish"]
        ),
        st.sampled_from([GatewayDriver().account, OTHER]),
    ),
    max_size=30,
)


def do(driver: GatewayDriver, step: str, account: str, number: int) -> None:
    row = OrderScript(f"o{number % 3}", [("1", "1")], amount="2").report(number % 2, exchange_id=account)
    match step:
        case "open":
            driver.open_session(f"s{number}")
        case "close":
            driver.close_session()
        case "info":
            driver.server_info(account=account)
        case "restart":
            driver.server_info(f"g{number}", account=account)
        case "stop":
            driver.server_info(running=False, account=account)
        case "orders":
            driver.orders(row, account=account)
        case "vanish":
            driver.orders(account=account)
        case "balances":
            driver.balances(*ROWS, account=account)
        case "tick":
            driver.tick()
        case "silence":
            driver.wait(14, silent=[account])
        case "report":
            driver.report(row)


@steady(150)
@given(STEPS)
def test_rule_1__intervals_never_overlap_and_are_contiguous(steps: list[tuple[str, str]]) -> None:
    driver = GatewayDriver()
    driver.open_session()
    for number, (step, name) in enumerate(steps, start=2):
        do(driver, step, name, number)
    for name, account in driver.ledger.accounts.items():
        rows = intervals(driver, name)
        for earlier, later in pairwise(rows):
            assert (earlier.until_seq, earlier.until_us) == (later.from_seq, later.from_us)
        assert rows[-1].until_seq is None
        assert rows[-1].until_us is None
        assert (rows[-1].state, rows[-1].reason) == (account.coverage.state, account.coverage.reason)
        assert all(row.until_seq is None or row.from_seq < row.until_seq for row in rows)
        assert all(row.until_us is None or row.from_us <= row.until_us for row in rows)


@steady(100)
@given(STEPS)
def test_rule_3__covered_means_both_snapshots_of_this_session_and_nothing_unaccounted(
    steps: list[tuple[str, str]],
) -> None:
    driver = GatewayDriver()
    driver.open_session()
    for number, (step, name) in enumerate(steps, start=2):
        do(driver, step, name, number)
        for account in driver.ledger.accounts.values():
            if account.coverage.state in {"covered", "unresolved"}:
                assert account.snapshots.orders_session == account.snapshots.balances_session == driver.session
                assert (account.coverage.state == "unresolved") == bool(account.coverage.missing_orders)
                assert account.liveness.is_running is not False


def test_the_first_session_catches_up_and_is_covered() -> None:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    assert driver.coverage() == ("catching_up", "no snapshot of orders and balances yet")
    driver.orders()
    assert driver.coverage() == ("catching_up", "no snapshot of balances yet")
    driver.balances(*ROWS)
    assert [interval.state for interval in intervals(driver)] == ["catching_up", "catching_up", "covered"]


def test_a_missing_snapshot_of_the_new_session_is_known_to_be_missing() -> None:
    driver = started()
    driver.close_session()
    assert driver.coverage() == ("gap", "disconnected")
    driver.open_session("s2")
    driver.server_info()
    driver.balances(*ROWS)
    assert driver.coverage() == ("catching_up", "no snapshot of orders yet")
    driver.orders()
    assert driver.coverage() == ("covered", None)


def test_a_missing_heartbeat_is_a_gap_of_that_account_alone() -> None:
    driver = started()
    driver.server_info(account=OTHER)
    driver.orders(account=OTHER)
    driver.balances(*ROWS, account=OTHER)
    driver.wait(9, silent=[OTHER])
    assert driver.ledger.accounts[OTHER].coverage.state == "covered", "ten seconds are the bound"
    driver.wait(3, silent=[OTHER])
    assert (driver.ledger.accounts[OTHER].coverage.state, driver.ledger.accounts[OTHER].coverage.reason) == (
        "gap",
        "no heartbeat",
    )
    assert driver.coverage() == ("covered", None)
    driver.tick()
    assert driver.ledger.accounts[OTHER].coverage.state == "covered", "its snapshots are those of this session"


def test_a_heartbeat_of_before_the_gap_does_not_end_it() -> None:
    """A session closes a second after the last heartbeat; the next tick, which tells of that, follows the close."""
    driver = started()
    last_us = driver.ledger.clock.last_us
    driver.close_session(after=1)
    beats = {driver.account: {"last_us": last_us, "count": 1, "lag_us": 1000}}
    driver.event(events.TICK, msgspec.json.encode({"heartbeats": beats}), after=1)
    assert driver.coverage() == ("gap", "disconnected")


def test_any_frame_of_an_account_is_a_sign_of_life() -> None:
    driver = started()
    for _ in range(20):
        driver.tick(silent=[driver.account])
        driver.balance("BTC", "10")
    assert [interval.state for interval in intervals(driver)][-1] == "covered"


def test_a_session_that_opens_without_a_close_means_that_we_died() -> None:
    """The gap begins where the log was last heard of, not where the new session begins."""
    driver = started()
    last_us = driver.ledger.clock.last_us
    driver.open_session("s2", after=90)
    assert driver.coverage() == ("gap", "restarted")
    gap = intervals(driver)[-1]
    assert gap.from_us == last_us
    assert gap.from_seq == len(driver.log)
    reconnect(driver, "s3")
    assert driver.coverage() == ("covered", None)


def test_a_gap_that_a_new_process_tells_of_began_at_the_last_sign_of_life() -> None:
    """The process logs its rules before it connects, long after the last frame."""
    driver = started()
    alive_us = driver.ledger.accounts[driver.account].liveness.last_sign_us
    driver.now += timedelta(seconds=40)
    driver.set_rules(driver.ledger.rules)
    driver.open_session("s2")
    gap = intervals(driver)[-1]
    assert (gap.state, gap.alive_us, gap.gap_seq) == ("gap", alive_us, gap.from_seq)
    assert gap.from_us - alive_us > 40_000_000


def test_a_gap_before_the_account_is_caught_up_with_prolongs_the_gap_before() -> None:
    driver = started()
    driver.set_rules(RECOVERING)
    first, second = _lose(driver, "s2"), _lose(driver, "s3")
    assert (first.gap_seq, second.gap_seq) == (first.from_seq, first.from_seq)
    reconnect(driver, "s4")
    driver.wait(310)
    third = _lose(driver, "s5")
    assert third.gap_seq == third.from_seq, "what was observed since the gap before is no gap"


def _lose(driver: GatewayDriver, session: str) -> CoverageInterval:
    driver.close_session()
    gap = intervals(driver)[-1]
    driver.open_session(session)
    driver.server_info()
    return gap


def test_a_gap_of_one_event_is_told_by_the_interval_that_follows() -> None:
    driver = started()
    account = driver.ledger.accounts[driver.account]
    alive_us = account.liveness.last_sign_us
    for number in (1, 2):
        at = LogTime(len(driver.log) + number, driver.ledger.clock.last_us + number * 1_000_000, 0)
        interrupt_coverage(driver.ledger, account, "an event was refused", at)
        covered = intervals(driver)[-1]
        assert (covered.state, covered.from_us, covered.alive_us) == ("covered", at.us, alive_us)
        alive_us = at.us  # no other sign of life lies between


def test_a_late_close_of_an_older_session_ends_nothing() -> None:
    driver = started()
    driver.open_session("s2")
    reconnect(driver, "s2")
    newer, driver.session = driver.session, "s1"
    driver.close_session()
    driver.session = newer
    assert driver.coverage() == ("covered", None)


def test_another_instance_guid_is_a_restart_and_its_snapshots_are_awaited() -> None:
    driver = started()
    driver.server_info("g2")
    assert driver.coverage()[0] == "catching_up"
    assert [interval.state for interval in intervals(driver)][-2:] in (
        ["gap", "catching_up"],
        ["covered", "catching_up"],
    )
    assert driver.ledger.accounts[driver.account].coverage.gap_seq is not None
    driver.orders()
    driver.balances(*ROWS)
    assert driver.coverage() == ("covered", None)


def test_the_same_instance_again_is_no_restart() -> None:
    driver = started()
    driver.server_info("g1")
    assert driver.coverage() == ("covered", None)


def test_not_running_is_a_gap_until_it_runs_again() -> None:
    driver = started()
    driver.server_info(running=False)
    assert driver.coverage() == ("gap", "not running")
    driver.balance("BTC", "10")
    driver.tick()
    assert driver.coverage() == ("gap", "not running"), "messages go on, but nothing is vouched for"
    driver.server_info(running=True)
    driver.tick()
    assert driver.coverage()[0] != "gap"


@pytest.mark.parametrize("end", ["told", "silent"])
def test_after_a_gap_an_order_that_vanished_withholds_agreed_and_is_named(end: str) -> None:
    driver = GatewayDriver()
    order = OrderScript("a", [("1", "100")], amount="3")
    driver.start(*ROWS, balance_row("ETH", "3"))
    driver.report(order.report(0))
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(*ROWS, balance_row("ETH", "3"))
    assert driver.coverage() == ("unresolved", "1 order not accounted for: c:a")
    assert [list(driver.unit(code).withheld) for code in ("BTC", "USDT", "ETH")] == [["c:a"], ["c:a"], []]
    if end == "told":
        driver.report(order.report(0, status="CANCELED"))
        assert driver.coverage() == ("covered", None)
        assert [list(driver.unit(code).withheld) for code in ("BTC", "USDT")] == [[], []]
    else:
        driver.wait(60)
        assert driver.coverage()[0] == "unresolved", "time does not settle it"


def test_after_a_gap_an_order_of_the_snapshot_is_accounted_for() -> None:
    driver = started()
    order = OrderScript("a", [("1", "100")], amount="3")
    driver.report(order.report(0))
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.orders(order.report(0))
    driver.balances(*ROWS)
    assert driver.coverage() == ("covered", None)


def test_disagreement_of_a_withheld_unit_still_opens_a_break() -> None:
    driver = started()
    driver.report(OrderScript("a", [("1", "100")], amount="3").report(0))
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "11"), balance_row("USDT", "900"))
    driver.wait(60)
    assert driver.opened_breaks() == [("BTC", D(1)), ("USDT", D(-100))]
    assert {break_.cause for break_ in (*driver.breaks("BTC"), *driver.breaks("USDT"))} == {"missed_fill_gap"}
