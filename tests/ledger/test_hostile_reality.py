"""What the EMS may do and nobody promises it does not: snapshots as they come, accounts, clocks (protocol 17)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import Rules
from recon.testing import (
    BTC_USDT,
    ETH_USDT,
    PERPETUAL,
    START,
    GatewayDriver,
    OrderScript,
    Row,
    balance_row,
    position_row,
    stamp,
)
from recon.times import microseconds
from tests.support.properties import steady
from tests.support.rest_driver import RECOVERING, BackfillRun, backfills_of, history_row
from tests.support.skewed_clocks import clock_of_ems

D = Decimal
OTHER: Final = "KRAKEN/JOHN"
ROWS: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
BOUGHT: Final = (balance_row("BTC", "11"), balance_row("USDT", "900"))
OPEN: Final = OrderScript("a", [("1", "100"), ("1", "100")], amount="5")
KINDS: Final = ("ORDER_EXEC_REPORT", "BALANCE", "POSITION")
NO_LIST: Final[tuple[Row, ...]] = ({"data": None}, {})


def whole(driver: GatewayDriver, *, rules: Rules | None = None, orders: tuple[Row, ...] = ()) -> GatewayDriver:
    if rules is not None:
        driver.set_rules(rules)
    driver.start(*ROWS, orders=orders)
    return driver


def reopened(driver: GatewayDriver, session: str = "s2", *, after: float = 2, guid: str = "g1") -> GatewayDriver:
    """Lose the connection, and have another one that has told nothing yet but that it lives."""
    driver.close_session()
    driver.open_session(session, after=after)
    driver.server_info(guid)
    return driver


def without_list(driver: GatewayDriver, kind: str, form: Row, *, account: str | None = None) -> None:
    driver.frame({"type": f"{kind}_SNAPSHOT", "exchange_id": account or driver.account} | form)


def fills(driver: GatewayDriver, code: str = "BTC") -> Decimal:
    return sum((entry.amount for entry in driver.entries(code) if entry.cause == "fill"), D(0))


# -- 1: snapshots as they come ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", list(permutations(["orders", "balances", "positions"])))
@pytest.mark.parametrize("between", [0.01, 1, 180])
def test_snapshots_in_any_order_and_minutes_late(kinds: tuple[str, ...], between: float) -> None:
    """Coverage begins when orders and balances both came, and the reason names what has not."""
    driver = whole(GatewayDriver(), orders=(OPEN.report(0),))
    reopened(driver)
    received: set[str] = set()
    for kind in kinds:
        if between >= 1:
            driver.wait(between)
        if kind == "orders":
            driver.orders(OPEN.report(0))
        elif kind == "balances":
            driver.balances(*ROWS)
        else:
            driver.positions()
        received.add(kind)
        missing = [list_name for list_name in ("orders", "balances") if list_name not in received]
        reason = f"no snapshot of {' and '.join(missing)} yet" if missing else None
        assert driver.coverage() == ("catching_up" if missing else "covered", reason)
    driver.wait(60)
    assert not driver.opened_breaks()
    assert driver.value("BTC") == D(10)


@pytest.mark.parametrize("first", [True, False])
def test_snapshots_twice_and_in_the_middle_change_nothing(first: bool) -> None:
    driver = whole(GatewayDriver())
    if not first:
        reopened(driver)
    for _ in range(3):
        driver.balances(*ROWS)
        driver.orders()
        driver.positions()
        driver.symbols(BTC_USDT)
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now).report(1))
    for _ in range(3):
        driver.wait(2)
        driver.orders()
        driver.balances(*BOUGHT)
        driver.positions()
    driver.wait(60)
    assert driver.coverage() == ("covered", None)
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    assert not driver.opened_breaks()


@pytest.mark.parametrize("form", NO_LIST)
@pytest.mark.parametrize("session", ["first", "second"])
def test_snapshots_without_a_list_have_come(form: Row, session: str) -> None:
    """An account that has nothing to tell is covered, whatever form the EMS chooses for that."""
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    if session == "second":
        reopened(driver)
    without_list(driver, "POSITION", form)
    assert driver.coverage() == ("catching_up", "no snapshot of orders and balances yet")
    without_list(driver, "ORDER_EXEC_REPORT", form)
    assert driver.coverage() == ("catching_up", "no snapshot of balances yet")
    without_list(driver, "BALANCE", form)
    assert driver.coverage() == ("covered", None)
    assert {finding.kind for finding in driver.findings()} == {"data"}, (
        "it is shown, for the protocol says nothing of it"
    )


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("form", [{"data": "later"}, {"data": [7]}, {"balance": 5}, {"data": {}}])
def test_what_cannot_be_read_is_no_word_that_there_is_nothing(kind: str, form: Row) -> None:
    driver = reopened(whole(GatewayDriver(), orders=(OPEN.report(0),)))
    without_list(driver, kind, form)
    assert driver.coverage() == ("catching_up", "no snapshot of orders and balances yet")
    assert not driver.ledger.accounts[driver.account].coverage.missing_orders


@pytest.mark.parametrize("form", NO_LIST)
@pytest.mark.parametrize("when", ["after a gap", "in the middle"])
def test_orders_that_were_open_are_missing_where_the_snapshot_has_no_list(form: Row, when: str) -> None:
    driver = whole(GatewayDriver(), orders=(OPEN.report(0),))
    if when == "after a gap":
        reopened(driver)
        driver.balances(*ROWS)
    without_list(driver, "ORDER_EXEC_REPORT", form)
    assert driver.coverage() == ("unresolved", "1 order not accounted for: c:a")
    assert driver.order("c:a").reported.status == "NEW", "never closed in silence"
    assert not driver.order("c:a").terminal
    assert list(driver.unit("BTC").withheld) == ["c:a"]
    driver.report(OPEN.report(1))
    assert driver.coverage() == ("covered", None)
    assert (list(driver.unit("BTC").withheld), fills(driver)) == ([], D(1))


@pytest.mark.parametrize("form", NO_LIST)
def test_what_is_held_is_not_zero_because_a_snapshot_has_no_list(form: Row) -> None:
    driver = GatewayDriver()
    driver.start(*ROWS, balance_row("ETH", "3"), positions=[position_row("2", "BUY")])
    reopened(driver)
    driver.orders()
    without_list(driver, "BALANCE", form)
    without_list(driver, "POSITION", form)
    driver.wait(120)
    assert driver.coverage() == ("covered", None)
    assert not driver.opened_breaks()
    for code, kind in (("BTC", "asset"), ("ETH", "asset"), (PERPETUAL.exchange, "contract")):
        assert driver.comparison(code, kind).reported != D(0)
        assert driver.unit(code, kind).withheld, "but what is held since the gap is not known: it is not agreed"
    driver.balance("ETH", "3")
    driver.position(position_row("2", "BUY"))
    assert not driver.unit("ETH").withheld
    assert not driver.unit(PERPETUAL.exchange, "contract").withheld
    driver.poll("ETH", "2", 60)
    assert driver.opened_breaks() == [("ETH", D(-1))]


@pytest.mark.parametrize("form", NO_LIST)
def test_nothing_opens_at_zero_because_a_snapshot_has_no_list(form: Row) -> None:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(ETH_USDT, PERPETUAL)
    driver.orders()
    without_list(driver, "BALANCE", form)
    without_list(driver, "POSITION", form)
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now, symbol=ETH_USDT).report(1))
    driver.report(OrderScript("p", [("1", "100")], placed_at=driver.now, symbol=PERPETUAL).report(1))
    driver.wait(60)
    assert driver.coverage() == ("covered", None)
    assert driver.value("ETH") is None
    assert driver.value(PERPETUAL.exchange, "contract") is None
    driver.balance("ETH", "11")
    driver.wait(60)
    assert driver.unit("ETH").balance.opening == D(10)


def test_positions_that_are_told_of_no_more_after_a_gap_are_not_agreed() -> None:
    """Their snapshot is not awaited, for many accounts have none; but an old report of one proves nothing now."""
    driver = GatewayDriver()
    driver.start(*ROWS, positions=[position_row("2", "BUY")])
    reopened(driver)
    driver.orders()
    driver.balances(*ROWS)
    assert driver.coverage() == ("covered", None)
    assert [bool(driver.unit(code).withheld) for code in ("BTC", "USDT")] == [False, False]
    assert driver.unit(PERPETUAL.exchange, "contract").withheld
    driver.positions(position_row("2", "BUY"))
    assert not driver.unit(PERPETUAL.exchange, "contract").withheld


@pytest.mark.parametrize("kind", ["orders", "balances"])
def test_a_kind_that_never_comes_stays_named(kind: str) -> None:
    driver = reopened(whole(GatewayDriver()))
    if kind == "orders":
        driver.balances(*ROWS)
    else:
        driver.orders()
    for _ in range(5):
        driver.wait(120)
        driver.balance("BTC", "10")
        assert driver.coverage() == ("catching_up", f"no snapshot of {kind} yet")


# -- 2: updates before snapshots --------------------------------------------------------------------------------------


def test_an_update_before_the_first_snapshot_books_what_filled_since_the_opening() -> None:
    """Two of three were filled before we were there: the fills' own times tell, also in the very first report."""
    driver = GatewayDriver()
    script = OrderScript("a", [("2", "100"), ("1", "90")], amount="9", placed_at=START - timedelta(hours=1))
    now = stamp(START + timedelta(seconds=1))
    early: Row = {"time": stamp(script.at(4)), "price": D(100), "amount": D(2)}
    report = script.report(2, fills=[early, {"time": now, "price": D(90), "amount": D(1)}])
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.balances(*ROWS)
    driver.report(report, after=1.5)
    driver.orders(report)
    driver.balance("BTC", "11")
    driver.balance("USDT", "910")
    driver.wait(60)
    order = driver.order("c:a")
    assert (order.booked.pre_opening, order.booked.amount, fills(driver), fills(driver, "USDT")) == (
        D(2),
        D(3),
        D(1),
        D(-90),
    )
    assert [driver.unit(code).balance.opening for code in ("BTC", "USDT")] == [D(10), D(1000)]
    assert not driver.opened_breaks()


STEPS: Final = ("orders", "balances", "symbols", "new", "filled", "btc", "usdt")


@steady(120)
@given(st.permutations(STEPS), st.booleans(), st.sampled_from([0.02, 0.4, 2]), st.booleans())
def test_updates_before_snapshots_are_neither_lost_nor_booked_twice(
    steps: list[str], second: bool, pause: float, again: bool
) -> None:
    """One purchase while things begin: every update and snapshot tells what is so at its own time."""
    driver = whole(GatewayDriver()) if second else GatewayDriver()
    if second:
        reopened(driver)
    else:
        driver.open_session()
        driver.server_info()
        driver.symbols(BTC_USDT)
    script = OrderScript("a", [("1", "100")], placed_at=driver.now)
    filled = False
    for step in (*steps, *(steps if again else ())):
        driver.now += timedelta(seconds=pause)
        filled = filled or step == "filled"
        rows = BOUGHT if filled else ROWS
        match step:
            case "orders":
                driver.orders(*([] if filled else [script.report(0)]))
            case "balances":
                driver.balances(*rows)
            case "symbols":
                driver.symbols(BTC_USDT)
            case "new":
                driver.report(script.report(0))
            case "filled":
                driver.report(script.report(1))
            case "btc":
                driver.balance("BTC", "11" if filled else "10")
            case _:
                driver.balance("USDT", "900" if filled else "1000")
    driver.balances(*BOUGHT)
    driver.wait(200)  # until an opening that the reports leave open is decided
    assert driver.coverage() == ("covered", None)
    assert not driver.opened_breaks()
    assert driver.order("c:a").booked.amount == D(1)
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    if second:
        assert (fills(driver), fills(driver, "USDT")) == (D(1), D(-100))


def test_a_late_first_snapshot_shows_what_has_happened_since() -> None:
    """The opening is long fixed when the orders are told of for the first time, minutes late."""
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.balances(*ROWS)
    driver.wait(120)
    driver.orders(
        OrderScript("a", [("1", "100")], amount="2", placed_at=START + timedelta(seconds=60)).report(1),
        OrderScript("b", [("1", "100")], amount="2", placed_at=START - timedelta(seconds=60)).report(1),
    )
    driver.balance("BTC", "11")
    driver.balance("USDT", "900")
    driver.wait(60)
    assert [driver.order(key).booked.pre_opening for key in ("c:a", "c:b")] == [D(0), D(1)]
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    assert not driver.opened_breaks()


# -- 3 and 4: several accounts, some slow; accounts that come and go --------------------------------------------------


def state_of(driver: GatewayDriver, account: str) -> tuple[str, str | None]:
    return driver.ledger.accounts[account].coverage.state, driver.ledger.accounts[account].coverage.reason


@pytest.mark.parametrize("minutes", [1, 10])
def test_a_slow_account_is_judged_by_its_own_snapshots(minutes: int) -> None:
    driver = whole(GatewayDriver())
    driver.server_info(account=OTHER)
    driver.orders(account=OTHER)
    driver.balances(*ROWS, account=OTHER)
    driver.wait(30)
    reopened(driver)
    driver.server_info(account=OTHER)
    driver.orders()
    driver.balances(*ROWS)
    for _ in range(minutes):
        driver.poll("BTC", "12", 60)
        assert state_of(driver, OTHER) == ("catching_up", "no snapshot of orders and balances yet")
    assert driver.coverage() == ("covered", None)
    assert [(transition.account, transition.unit) for transition in driver.transitions("opened")] == [
        (driver.account, "BTC")
    ]
    driver.orders(account=OTHER)
    driver.balances(*ROWS, account=OTHER)
    assert state_of(driver, OTHER) == ("covered", None)


def test_an_account_that_appears_in_the_middle_opens_then_and_there() -> None:
    driver = whole(GatewayDriver())
    driver.wait(300)
    driver.server_info(account=OTHER)
    old = OrderScript("o", [("1", "100")], amount="4", placed_at=driver.now - timedelta(seconds=120))
    driver.orders(old.report(1, exchange_id=OTHER), account=OTHER)
    driver.balances(balance_row("BTC", "3"), balance_row("USDT", "70"), account=OTHER)
    driver.wait(60)
    assert state_of(driver, OTHER) == ("covered", None)
    assert driver.ledger.accounts[OTHER].evidence.gaps == []
    assert driver.unit("BTC", account=OTHER).balance.opening == D(3)
    assert driver.ledger.orders[OTHER, "c:o"].booked.pre_opening == D(1)
    assert driver.unit("BTC").balance.opening == D(10)


@pytest.mark.parametrize("rules", [None, RECOVERING])
def test_an_account_that_disappears_is_a_gap_with_a_reason_until_it_comes_back(rules: Rules | None) -> None:
    driver = whole(GatewayDriver(), rules=rules)
    driver.server_info(account=OTHER)
    driver.orders(OPEN.report(0, exchange_id=OTHER), account=OTHER)
    driver.balances(*ROWS, account=OTHER)
    driver.wait(30)
    driver.wait(12, silent=[OTHER])
    assert state_of(driver, OTHER) == ("gap", "no heartbeat")
    driver.instance_guids.pop(OTHER)
    for number in range(2, 5):
        reopened(driver, f"s{number}")
        driver.orders()
        driver.balances(*ROWS)
        driver.wait(60)
        assert state_of(driver, OTHER) == ("gap", "no heartbeat")
    driver.server_info(account=OTHER)
    driver.orders(account=OTHER)
    driver.balances(*ROWS, account=OTHER)
    gaps = [
        interval
        for interval in driver.ledger.changes.intervals
        if interval.account == OTHER and interval.state == "gap"
    ]
    assert len({gap.from_seq for gap in gaps}) == 1, "one gap, over all sessions"
    assert state_of(driver, OTHER)[0] == ("unresolved" if rules is None else "catching_up")
    assert set(driver.ledger.accounts[OTHER].coverage.missing_orders) == {"c:a"}
    assert not driver.unit("BTC", account=OTHER).withheld or list(driver.unit("BTC", account=OTHER).withheld) == ["c:a"]


def test_an_account_that_nothing_but_a_row_of_another_names_is_not_covered() -> None:
    driver = whole(GatewayDriver())
    driver.orders(OPEN.report(0, exchange_id=OTHER))
    driver.wait(60)
    assert state_of(driver, OTHER)[0] in {"gap", "catching_up"}


# -- 5: clocks --------------------------------------------------------------------------------------------------------

SKEWS: Final = [-60, -5, -0.5, 0.5, 5, 60]


@pytest.mark.parametrize("minutes", SKEWS)
@pytest.mark.parametrize("by", ["update", "late snapshot", "order log"])
def test_the_opening_does_not_depend_on_the_clocks(minutes: float, by: str) -> None:
    """One order filled 20 s before our books opened, one 20 s after; both are told of for the first time later."""
    driver = GatewayDriver(RECOVERING)
    with clock_of_ems(driver, minutes) as ahead:
        driver.open_session()
        driver.server_info()
        driver.symbols(BTC_USDT)
        if by != "late snapshot":
            driver.orders()
        driver.balances(*ROWS)
        driver.wait(40)
        before = OrderScript("b", [("1", "100")], placed_at=START + ahead - timedelta(seconds=26)).report(1)
        since = OrderScript("s", [("1", "100")], placed_at=START + ahead + timedelta(seconds=16)).report(1)
        if by == "update":
            driver.report(before)
            driver.report(since)
        elif by == "late snapshot":
            driver.orders(before, since)
        else:
            reopened(driver)
            driver.orders()
            driver.balances(*BOUGHT)
            backfill = BackfillRun(driver)
            backfill.begin()
            backfill.history(*(history_row(row, created=stamp(driver.now + ahead)) for row in (before, since)))
            backfill.end()
        driver.balances(*BOUGHT)
        driver.wait(60)
    assert [driver.order(key).booked.pre_opening for key in ("c:b", "c:s")] == [D(1), D(0)]
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    assert not driver.opened_breaks()


@pytest.mark.parametrize("minutes", SKEWS)
def test_fills_are_dated_by_our_clock(minutes: float) -> None:
    driver = GatewayDriver()
    with clock_of_ems(driver, minutes) as ahead:
        whole(driver)
        true = driver.now
        driver.report(OrderScript("a", [("1", "100")], placed_at=true + ahead - timedelta(seconds=4)).report(1))
    (fill,) = driver.ledger.changes.fills
    (entry,) = (entry for entry in driver.entries("BTC") if entry.cause == "fill")
    assert fill.fill.occurred_us == entry.occurred_us
    assert abs(entry.occurred_us - microseconds(true)) < 100_000
    assert entry.occurred_us <= entry.recorded_us


@pytest.mark.parametrize("minutes", [-0.02, 0, 0.02])
def test_what_may_be_the_way_of_a_heartbeat_moves_no_time(minutes: float) -> None:
    driver = GatewayDriver()
    with clock_of_ems(driver, minutes):
        whole(driver)
        script = OrderScript("a", [("1", "100")], placed_at=driver.now - timedelta(seconds=4))
        driver.report(script.report(1))
    (fill,) = driver.ledger.changes.fills
    assert fill.fill.occurred_us == microseconds(script.at(4))


def test_a_clock_that_is_set_right_later_does_not_move_the_opening() -> None:
    """The stamps of then are by the clock of then: five minutes behind when the books opened, right an hour later."""
    driver = GatewayDriver()
    with clock_of_ems(driver, -5) as ahead:
        whole(driver)
    driver.wait(60)
    assert driver.ledger.accounts[driver.account].liveness.skew_us == 0
    driver.report(
        OrderScript("s", [("1", "100")], amount="3", placed_at=START + ahead + timedelta(seconds=16)).report(1)
    )
    assert driver.order("c:s").booked.pre_opening == D(0)
    assert driver.value("BTC") == D(11)


def test_an_account_without_a_heartbeat_yet_is_dated_by_the_gateways_others() -> None:
    driver = GatewayDriver()
    with clock_of_ems(driver, -5) as ahead:
        whole(driver)
        driver.orders(account=OTHER)
        driver.balances(*ROWS, account=OTHER)
        driver.wait(30)
        driver.report(OrderScript("s", [("1", "100")], placed_at=driver.now + ahead).report(1, exchange_id=OTHER))
    assert driver.ledger.accounts[OTHER].liveness.lag_us is None
    assert driver.ledger.orders[OTHER, "c:s"].booked.pre_opening == D(0)


@steady(60)
@given(st.integers(-600, 600), st.integers(-300, 29), st.booleans())
def test_whether_a_fill_was_before_the_opening_is_a_matter_of_true_time(skew: int, filled: int, listed: bool) -> None:
    driver = GatewayDriver()
    with clock_of_ems(driver, skew / 60) as ahead:
        whole(driver)
        script = OrderScript(
            "a", [("1", "100")], placed_at=START + ahead + timedelta(seconds=filled - 4), lists_fills=listed
        )
        driver.report(script.report(1))
    transmission_s = 2.1  # what may be a heartbeat's way is no skew
    if abs(filled) > transmission_s:
        assert driver.order("c:a").booked.pre_opening == (D(1) if filled < 0 else D(0))


# -- 6: another site in the middle of a fill --------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [None, RECOVERING])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("balances_first", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_a_failover_in_the_middle_of_a_fill(
    rules: Rules | None, closed: bool, balances_first: bool, behind: bool
) -> None:
    """Half is told by one site, the rest by the other, whose balances may be of before its snapshot of orders."""
    driver = whole(GatewayDriver(), rules=rules)
    script = OrderScript("a", [("1", "100"), ("1", "100")], placed_at=driver.now)
    driver.report(script.report(0))
    driver.report(script.report(1))
    driver.balance("BTC", "11")
    if closed:
        driver.close_session("failed over")
    driver.open_session("s2", after=3)
    driver.server_info("g2")
    half, rest = BOUGHT, (balance_row("BTC", "12"), balance_row("USDT", "800"))
    if balances_first:
        driver.balances(*(half if behind else rest))
    driver.orders(script.report(1 if behind else 2))
    if not balances_first:
        driver.balances(*(half if behind else rest))
    driver.report(script.report(2))
    driver.report(script.report(1))
    if rules is not None:
        backfill = BackfillRun(driver)
        backfill.begin()
        backfill.orders()
        backfill.history(history_row(script.report(1), created=stamp(driver.now)))
        backfill.history(history_row(script.report(2), created=stamp(driver.now)))
        backfill.end()
    driver.balances(*rest)
    driver.wait(60)
    assert driver.coverage() == ("covered", None)
    assert (fills(driver), fills(driver, "USDT")) == (D(2), D(-200))
    assert (driver.value("BTC"), driver.value("USDT")) == (D(12), D(800))
    assert not driver.opened_breaks()
    assert not driver.findings("amount_regression")


# -- 7: REST against the WebSocket ------------------------------------------------------------------------------------


def missing_half_filled() -> tuple[GatewayDriver, BackfillRun]:
    """An order that was half filled when sight of it was lost, and is not open any more."""
    driver = whole(GatewayDriver(), rules=RECOVERING)
    driver.report(OPEN.report(0))
    driver.report(OPEN.report(1))
    driver.balances(*BOUGHT)
    driver.wait(6)
    reopened(driver)
    driver.orders()
    driver.balances(*BOUGHT)
    backfill = BackfillRun(driver)
    backfill.begin()
    return driver, backfill


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("way", ["status", "order log"])
def test_an_older_or_equal_state_does_not_account_for_a_missing_order(count: int, way: str) -> None:
    """What was is repeated by the order log, and by an EMS that has lost the order as well."""
    driver, backfill = missing_half_filled()
    row = OPEN.report(count)
    if way == "status":
        backfill.status("a", row)
        backfill.history()
    else:
        backfill.history(history_row(row, created=stamp(driver.now)))
    backfill.balances(*BOUGHT)
    backfill.end()
    assert driver.coverage() == ("unresolved", "1 order not accounted for: c:a")
    assert (driver.order("c:a").reported.amount_filled, driver.value("BTC")) == (D(1), D(11))
    question = backfills_of(driver)[-1].open[0]
    assert f"the EMS reports it as {row['status']}, no later than before" in question
    driver.report(OPEN.report(1, status="CANCELED"))
    assert driver.coverage() == ("covered", None)


@pytest.mark.parametrize("way", ["update of the same state", "listed as open", "ended"])
def test_what_tells_that_it_lives_or_ended_accounts_for_it(way: str) -> None:
    driver, backfill = missing_half_filled()
    if way == "ended":
        backfill.status("a", OPEN.report(1, status="CANCELED"))
    elif way == "listed as open":
        backfill.orders(OPEN.report(0))
    else:
        driver.report(OPEN.report(1))
    backfill.history()
    backfill.end()
    assert driver.coverage() == ("covered", None)
    assert driver.value("BTC") == D(11)


def test_rest_that_is_behind_takes_nothing_back() -> None:
    driver = whole(GatewayDriver(), rules=RECOVERING)
    script = OrderScript("a", [("1", "100")], placed_at=driver.now)
    driver.report(script.report(0))
    driver.report(script.report(1))
    driver.balances(*BOUGHT)
    driver.wait(30)
    backfill = BackfillRun.__new__(BackfillRun)
    backfill.driver, backfill.name, backfill.until = driver, "check", {}
    backfill.begin()
    backfill.orders(script.report(0))
    backfill.status("a", script.report(0))
    backfill.history(history_row(script.report(0), created=stamp(driver.now)))
    backfill.end()
    driver.balances(*BOUGHT)
    driver.wait(60)
    assert (driver.order("c:a").reported.status, fills(driver)) == ("FILLED", D(1))
    assert driver.coverage() == ("covered", None)
    assert not driver.opened_breaks()
    assert not driver.findings("amount_regression")


@pytest.mark.parametrize("reported", [True, False])
def test_rows_of_other_accounts_are_of_those_alone(reported: bool) -> None:
    driver, backfill = missing_half_filled()
    if reported:
        driver.server_info(account=OTHER)
        driver.orders(account=OTHER)
        driver.balances(*ROWS, account=OTHER)
    theirs = OPEN.report(1, status="CANCELED") | {"exchange_id": OTHER}
    backfill.status("a", theirs)
    backfill.orders(theirs)
    backfill.history(history_row(theirs, created=stamp(driver.now)))
    backfill.answer(
        {"what": "balances", "account": driver.account}, [{"exchange_id": OTHER, "data": [balance_row("BTC", "10")]}]
    )
    backfill.end()
    assert driver.coverage()[0] == "unresolved"
    assert set(driver.ledger.accounts[driver.account].coverage.missing_orders) == {"c:a"}
    assert driver.value("BTC") == D(11)
    assert (OTHER in driver.ledger.accounts) == reported
    assert bool(driver.findings("unknown_account")) != reported
    if reported:
        assert driver.comparison("USDT", "asset").reported == D(900)
        assert driver.reconciler.comparison_of(driver.unit_state("USDT", account=OTHER)).reported == D(1000), (
            "absence says nothing"
        )


# -- 8: positions -----------------------------------------------------------------------------------------------------


def test_a_cross_check_of_a_spot_account_makes_no_noise() -> None:
    driver = whole(GatewayDriver(), rules=RECOVERING)
    backfill = BackfillRun.__new__(BackfillRun)
    backfill.driver, backfill.name, backfill.until = driver, "check", {}
    before = len(driver.findings())
    for _ in range(3):
        backfill.answer({"what": "positions", "account": driver.account}, [])
    assert driver.findings()[before:] == []
    backfill.answer({"what": "balances", "account": driver.account}, [])
    assert [finding.about for finding in driver.findings()[before:]] == ["balances"], "every account has balances"
