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
from recon.times import microseconds
from tests.support.gateway_driver import (
    BTC_USDT,
    ETH_USDT,
    PERPETUAL,
    START,
    Desk,
    Life,
    Row,
    balance_row,
    position_row,
    stamp,
    steady,
)
from tests.support.rest_driver import RECOVERING, Asking, catch_ups, history_row
from tests.support.skewed_clocks import clock_of_ems

D = Decimal
OTHER: Final = "KRAKEN/JOHN"
ROWS: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
BOUGHT: Final = (balance_row("BTC", "11"), balance_row("USDT", "900"))
OPEN: Final = Life("a", [("1", "100"), ("1", "100")], amount="5")
KINDS: Final = ("ORDER_EXEC_REPORT", "BALANCE", "POSITION")
NO_LIST: Final[tuple[Row, ...]] = ({"data": None}, {})


def whole(desk: Desk, *, rules: Rules | None = None, orders: tuple[Row, ...] = ()) -> Desk:
    if rules is not None:
        desk.rules(rules)
    desk.begin(*ROWS, orders=orders)
    return desk


def reopened(desk: Desk, session: str = "s2", *, after: float = 2, guid: str = "g1") -> Desk:
    """Lose the connection, and have another one that has told nothing yet but that it lives."""
    desk.close()
    desk.open(session, after=after)
    desk.info(guid)
    return desk


def without_list(desk: Desk, kind: str, form: Row, *, account: str | None = None) -> None:
    desk.frame({"type": f"{kind}_SNAPSHOT", "exchange_id": account or desk.account} | form)


def fills(desk: Desk, code: str = "BTC") -> Decimal:
    return sum((each.amount for each in desk.entries(code) if each.cause == "fill"), D(0))


# -- 1: snapshots as they come ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", list(permutations(["orders", "balances", "positions"])))
@pytest.mark.parametrize("between", [0.01, 1, 180])
def test_snapshots_in_any_order_and_minutes_late(kinds: tuple[str, ...], between: float) -> None:
    """Coverage begins when orders and balances both came, and the reason names what has not."""
    desk = whole(Desk(), orders=(OPEN.report(0),))
    reopened(desk)
    told: set[str] = set()
    for kind in kinds:
        if between >= 1:
            desk.wait(between)
        if kind == "orders":
            desk.orders(OPEN.report(0))
        elif kind == "balances":
            desk.balances(*ROWS)
        else:
            desk.positions()
        told.add(kind)
        missing = [each for each in ("orders", "balances") if each not in told]
        reason = f"no snapshot of {' and '.join(missing)} yet" if missing else None
        assert desk.state() == ("catching_up" if missing else "covered", reason)
    desk.wait(60)
    assert not desk.opened()
    assert desk.value("BTC") == D(10)


@pytest.mark.parametrize("first", [True, False])
def test_snapshots_twice_and_in_the_middle_change_nothing(first: bool) -> None:
    desk = whole(Desk())
    if not first:
        reopened(desk)
    for _ in range(3):
        desk.balances(*ROWS)
        desk.orders()
        desk.positions()
        desk.symbols(BTC_USDT)
    desk.report(Life("a", [("1", "100")], began=desk.now).report(1))
    for _ in range(3):
        desk.wait(2)
        desk.orders()
        desk.balances(*BOUGHT)
        desk.positions()
    desk.wait(60)
    assert desk.state() == ("covered", None)
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(900))
    assert not desk.opened()


@pytest.mark.parametrize("form", NO_LIST)
@pytest.mark.parametrize("session", ["first", "second"])
def test_snapshots_without_a_list_have_come(form: Row, session: str) -> None:
    """An account that has nothing to tell is covered, whatever form the EMS chooses for that."""
    desk = Desk()
    desk.open()
    desk.info()
    if session == "second":
        reopened(desk)
    without_list(desk, "POSITION", form)
    assert desk.state() == ("catching_up", "no snapshot of orders and balances yet")
    without_list(desk, "ORDER_EXEC_REPORT", form)
    assert desk.state() == ("catching_up", "no snapshot of balances yet")
    without_list(desk, "BALANCE", form)
    assert desk.state() == ("covered", None)
    assert {each.kind for each in desk.findings()} == {"data"}, "it is shown, for the protocol says nothing of it"


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("form", [{"data": "later"}, {"data": [7]}, {"balance": 5}, {"data": {}}])
def test_what_cannot_be_read_is_no_word_that_there_is_nothing(kind: str, form: Row) -> None:
    desk = reopened(whole(Desk(), orders=(OPEN.report(0),)))
    without_list(desk, kind, form)
    assert desk.state() == ("catching_up", "no snapshot of orders and balances yet")
    assert not desk.book.accounts[desk.account].unaccounted


@pytest.mark.parametrize("form", NO_LIST)
@pytest.mark.parametrize("when", ["after a gap", "in the middle"])
def test_orders_that_were_open_are_missing_where_the_snapshot_has_no_list(form: Row, when: str) -> None:
    desk = whole(Desk(), orders=(OPEN.report(0),))
    if when == "after a gap":
        reopened(desk)
        desk.balances(*ROWS)
    without_list(desk, "ORDER_EXEC_REPORT", form)
    assert desk.state() == ("unresolved", "1 order not accounted for: c:a")
    assert desk.order("c:a").status == "NEW", "never closed in silence"
    assert not desk.order("c:a").terminal
    assert desk.unit("BTC").withheld == ["c:a"]
    desk.report(OPEN.report(1))
    assert desk.state() == ("covered", None)
    assert (desk.unit("BTC").withheld, fills(desk)) == ([], D(1))


@pytest.mark.parametrize("form", NO_LIST)
def test_what_is_held_is_not_zero_because_a_snapshot_has_no_list(form: Row) -> None:
    desk = Desk()
    desk.begin(*ROWS, balance_row("ETH", "3"), positions=[position_row("2", "BUY")])
    reopened(desk)
    desk.orders()
    without_list(desk, "BALANCE", form)
    without_list(desk, "POSITION", form)
    desk.wait(120)
    assert desk.state() == ("covered", None)
    assert not desk.opened()
    for code, kind in (("BTC", "asset"), ("ETH", "asset"), (PERPETUAL[0], "contract")):
        assert desk.comparison(code, kind).reported != D(0)
        assert desk.unit(code, kind).withheld, "but what is held since the gap is not known: it is not agreed"
    desk.balance("ETH", "3")
    desk.position(position_row("2", "BUY"))
    assert not desk.unit("ETH").withheld
    assert not desk.unit(PERPETUAL[0], "contract").withheld
    desk.poll("ETH", "2", 60)
    assert desk.opened() == [("ETH", D(-1))]


@pytest.mark.parametrize("form", NO_LIST)
def test_nothing_opens_at_zero_because_a_snapshot_has_no_list(form: Row) -> None:
    desk = Desk()
    desk.open()
    desk.info()
    desk.symbols(ETH_USDT, PERPETUAL)
    desk.orders()
    without_list(desk, "BALANCE", form)
    without_list(desk, "POSITION", form)
    desk.report(Life("a", [("1", "100")], began=desk.now, of=ETH_USDT).report(1))
    desk.report(Life("p", [("1", "100")], began=desk.now, of=PERPETUAL).report(1))
    desk.wait(60)
    assert desk.state() == ("covered", None)
    assert desk.value("ETH") is None
    assert desk.value(PERPETUAL[0], "contract") is None
    desk.balance("ETH", "11")
    desk.wait(60)
    assert desk.unit("ETH").opening == D(10)


def test_positions_that_are_told_of_no_more_after_a_gap_are_not_agreed() -> None:
    """Their snapshot is not awaited, for many accounts have none; but an old report of one proves nothing now."""
    desk = Desk()
    desk.begin(*ROWS, positions=[position_row("2", "BUY")])
    reopened(desk)
    desk.orders()
    desk.balances(*ROWS)
    assert desk.state() == ("covered", None)
    assert [bool(desk.unit(code).withheld) for code in ("BTC", "USDT")] == [False, False]
    assert desk.unit(PERPETUAL[0], "contract").withheld
    desk.positions(position_row("2", "BUY"))
    assert not desk.unit(PERPETUAL[0], "contract").withheld


@pytest.mark.parametrize("kind", ["orders", "balances"])
def test_a_kind_that_never_comes_stays_named(kind: str) -> None:
    desk = reopened(whole(Desk()))
    if kind == "orders":
        desk.balances(*ROWS)
    else:
        desk.orders()
    for _ in range(5):
        desk.wait(120)
        desk.balance("BTC", "10")
        assert desk.state() == ("catching_up", f"no snapshot of {kind} yet")


# -- 2: updates before snapshots --------------------------------------------------------------------------------------


def test_an_update_before_the_first_snapshot_books_what_filled_since_the_opening() -> None:
    """Two of three were filled before we were there: the fills' own times tell, also in the very first report."""
    desk = Desk()
    life = Life("a", [("2", "100"), ("1", "90")], amount="9", began=START - timedelta(hours=1))
    now = stamp(START + timedelta(seconds=1))
    early: Row = {"time": stamp(life.at(4)), "price": D(100), "amount": D(2)}
    report = life.report(2, fills=[early, {"time": now, "price": D(90), "amount": D(1)}])
    desk.open()
    desk.info()
    desk.symbols(BTC_USDT)
    desk.balances(*ROWS)
    desk.report(report, after=1.5)
    desk.orders(report)
    desk.balance("BTC", "11")
    desk.balance("USDT", "910")
    desk.wait(60)
    order = desk.order("c:a")
    assert (order.before_opening, order.booked, fills(desk), fills(desk, "USDT")) == (D(2), D(3), D(1), D(-90))
    assert [desk.unit(code).opening for code in ("BTC", "USDT")] == [D(10), D(1000)]
    assert not desk.opened()


STEPS: Final = ("orders", "balances", "symbols", "new", "filled", "btc", "usdt")


@steady(120)
@given(st.permutations(STEPS), st.booleans(), st.sampled_from([0.02, 0.4, 2]), st.booleans())
def test_updates_before_snapshots_are_neither_lost_nor_booked_twice(
    steps: list[str], second: bool, pause: float, again: bool
) -> None:
    """One purchase while things begin: every update and snapshot tells what is so at its own time."""
    desk = whole(Desk()) if second else Desk()
    if second:
        reopened(desk)
    else:
        desk.open()
        desk.info()
        desk.symbols(BTC_USDT)
    life = Life("a", [("1", "100")], began=desk.now)
    filled = False
    for step in (*steps, *(steps if again else ())):
        desk.now += timedelta(seconds=pause)
        filled = filled or step == "filled"
        held = BOUGHT if filled else ROWS
        match step:
            case "orders":
                desk.orders(*([] if filled else [life.report(0)]))
            case "balances":
                desk.balances(*held)
            case "symbols":
                desk.symbols(BTC_USDT)
            case "new":
                desk.report(life.report(0))
            case "filled":
                desk.report(life.report(1))
            case "btc":
                desk.balance("BTC", "11" if filled else "10")
            case _:
                desk.balance("USDT", "900" if filled else "1000")
    desk.balances(*BOUGHT)
    desk.wait(90)
    assert desk.state() == ("covered", None)
    assert not desk.opened()
    assert desk.order("c:a").booked == D(1)
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(900))
    if second:
        assert (fills(desk), fills(desk, "USDT")) == (D(1), D(-100))


def test_a_late_first_snapshot_shows_what_has_happened_since() -> None:
    """The opening is long fixed when the orders are told of for the first time, minutes late."""
    desk = Desk()
    desk.open()
    desk.info()
    desk.symbols(BTC_USDT)
    desk.balances(*ROWS)
    desk.wait(120)
    desk.orders(
        Life("a", [("1", "100")], amount="2", began=START + timedelta(seconds=60)).report(1),
        Life("b", [("1", "100")], amount="2", began=START - timedelta(seconds=60)).report(1),
    )
    desk.balance("BTC", "11")
    desk.balance("USDT", "900")
    desk.wait(60)
    assert [desk.order(key).before_opening for key in ("c:a", "c:b")] == [D(0), D(1)]
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(900))
    assert not desk.opened()


# -- 3 and 4: several accounts, some slow; accounts that come and go --------------------------------------------------


def state_of(desk: Desk, account: str) -> tuple[str, str | None]:
    return desk.book.accounts[account].state, desk.book.accounts[account].reason


@pytest.mark.parametrize("minutes", [1, 10])
def test_a_slow_account_is_judged_by_its_own_snapshots(minutes: int) -> None:
    desk = whole(Desk())
    desk.info(account=OTHER)
    desk.orders(account=OTHER)
    desk.balances(*ROWS, account=OTHER)
    desk.wait(30)
    reopened(desk)
    desk.info(account=OTHER)
    desk.orders()
    desk.balances(*ROWS)
    for _ in range(minutes):
        desk.poll("BTC", "12", 60)
        assert state_of(desk, OTHER) == ("catching_up", "no snapshot of orders and balances yet")
    assert desk.state() == ("covered", None)
    assert [(each.account, each.unit) for each in desk.transitions("opened")] == [(desk.account, "BTC")]
    desk.orders(account=OTHER)
    desk.balances(*ROWS, account=OTHER)
    assert state_of(desk, OTHER) == ("covered", None)


def test_an_account_that_appears_in_the_middle_opens_then_and_there() -> None:
    desk = whole(Desk())
    desk.wait(300)
    desk.info(account=OTHER)
    old = Life("o", [("1", "100")], amount="4", began=desk.now - timedelta(seconds=120))
    desk.orders(old.report(1, exchange_id=OTHER), account=OTHER)
    desk.balances(balance_row("BTC", "3"), balance_row("USDT", "70"), account=OTHER)
    desk.wait(60)
    assert state_of(desk, OTHER) == ("covered", None)
    assert desk.book.accounts[OTHER].gaps == []
    assert desk.unit("BTC", account=OTHER).opening == D(3)
    assert desk.book.orders[OTHER, "c:o"].before_opening == D(1)
    assert desk.unit("BTC").opening == D(10)


@pytest.mark.parametrize("rules", [None, RECOVERING])
def test_an_account_that_disappears_is_a_gap_with_a_reason_until_it_comes_back(rules: Rules | None) -> None:
    desk = whole(Desk(), rules=rules)
    desk.info(account=OTHER)
    desk.orders(OPEN.report(0, exchange_id=OTHER), account=OTHER)
    desk.balances(*ROWS, account=OTHER)
    desk.wait(30)
    desk.wait(12, silent=[OTHER])
    assert state_of(desk, OTHER) == ("gap", "no heartbeat")
    desk.guids.pop(OTHER)
    for number in range(2, 5):
        reopened(desk, f"s{number}")
        desk.orders()
        desk.balances(*ROWS)
        desk.wait(60)
        assert state_of(desk, OTHER) == ("gap", "no heartbeat")
    desk.info(account=OTHER)
    desk.orders(account=OTHER)
    desk.balances(*ROWS, account=OTHER)
    told = [each for each in desk.book.changes.intervals if each.account == OTHER and each.state == "gap"]
    assert len({each.from_seq for each in told}) == 1, "one gap, over all sessions"
    assert state_of(desk, OTHER)[0] == ("unresolved" if rules is None else "catching_up")
    assert set(desk.book.accounts[OTHER].unaccounted) == {"c:a"}
    assert not desk.unit("BTC", account=OTHER).withheld or desk.unit("BTC", account=OTHER).withheld == ["c:a"]


def test_an_account_that_nothing_but_a_row_of_another_names_is_not_covered() -> None:
    desk = whole(Desk())
    desk.orders(OPEN.report(0, exchange_id=OTHER))
    desk.wait(60)
    assert state_of(desk, OTHER)[0] in {"gap", "catching_up"}


# -- 5: clocks --------------------------------------------------------------------------------------------------------

SKEWS: Final = [-60, -5, -0.5, 0.5, 5, 60]


@pytest.mark.parametrize("minutes", SKEWS)
@pytest.mark.parametrize("by", ["update", "late snapshot", "order log"])
def test_the_opening_does_not_depend_on_the_clocks(minutes: float, by: str) -> None:
    """One order filled 20 s before our books opened, one 20 s after; both are told of for the first time later."""
    desk = Desk(RECOVERING)
    with clock_of_ems(desk, minutes) as ahead:
        desk.open()
        desk.info()
        desk.symbols(BTC_USDT)
        if by != "late snapshot":
            desk.orders()
        desk.balances(*ROWS)
        desk.wait(40)
        before = Life("b", [("1", "100")], began=START + ahead - timedelta(seconds=26)).report(1)
        since = Life("s", [("1", "100")], began=START + ahead + timedelta(seconds=16)).report(1)
        if by == "update":
            desk.report(before)
            desk.report(since)
        elif by == "late snapshot":
            desk.orders(before, since)
        else:
            reopened(desk)
            desk.orders()
            desk.balances(*BOUGHT)
            asking = Asking(desk)
            asking.begin()
            asking.history(*(history_row(row, created=stamp(desk.now + ahead)) for row in (before, since)))
            asking.end()
        desk.balances(*BOUGHT)
        desk.wait(60)
    assert [desk.order(key).before_opening for key in ("c:b", "c:s")] == [D(1), D(0)]
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(900))
    assert not desk.opened()


@pytest.mark.parametrize("minutes", SKEWS)
def test_fills_are_dated_by_our_clock(minutes: float) -> None:
    desk = Desk()
    with clock_of_ems(desk, minutes) as ahead:
        whole(desk)
        true = desk.now
        desk.report(Life("a", [("1", "100")], began=true + ahead - timedelta(seconds=4)).report(1))
    (fill,) = desk.book.changes.fills
    (entry,) = (each for each in desk.entries("BTC") if each.cause == "fill")
    assert fill.fill.occurred_us == entry.occurred_us
    assert abs(entry.occurred_us - microseconds(true)) < 100_000
    assert entry.occurred_us <= entry.recorded_us


@pytest.mark.parametrize("minutes", [-0.02, 0, 0.02])
def test_what_may_be_the_way_of_a_heartbeat_moves_no_time(minutes: float) -> None:
    desk = Desk()
    with clock_of_ems(desk, minutes):
        whole(desk)
        life = Life("a", [("1", "100")], began=desk.now - timedelta(seconds=4))
        desk.report(life.report(1))
    (fill,) = desk.book.changes.fills
    assert fill.fill.occurred_us == microseconds(life.at(4))


def test_a_clock_that_is_set_right_later_does_not_move_the_opening() -> None:
    """The stamps of then are by the clock of then: five minutes behind when the books opened, right an hour later."""
    desk = Desk()
    with clock_of_ems(desk, -5) as ahead:
        whole(desk)
    desk.wait(60)
    assert desk.book.accounts[desk.account].skew_us == 0
    desk.report(Life("s", [("1", "100")], amount="3", began=START + ahead + timedelta(seconds=16)).report(1))
    assert desk.order("c:s").before_opening == D(0)
    assert desk.value("BTC") == D(11)


def test_an_account_without_a_heartbeat_yet_is_dated_by_the_gateways_others() -> None:
    desk = Desk()
    with clock_of_ems(desk, -5) as ahead:
        whole(desk)
        desk.orders(account=OTHER)
        desk.balances(*ROWS, account=OTHER)
        desk.wait(30)
        desk.report(Life("s", [("1", "100")], began=desk.now + ahead).report(1, exchange_id=OTHER))
    assert desk.book.accounts[OTHER].lag_us is None
    assert desk.book.orders[OTHER, "c:s"].before_opening == D(0)


@steady(60)
@given(st.integers(-600, 600), st.integers(-300, 29), st.booleans())
def test_whether_a_fill_was_before_the_opening_is_a_matter_of_true_time(skew: int, filled: int, listed: bool) -> None:
    desk = Desk()
    with clock_of_ems(desk, skew / 60) as ahead:
        whole(desk)
        life = Life("a", [("1", "100")], began=START + ahead + timedelta(seconds=filled - 4), listed=listed)
        desk.report(life.report(1))
    blur = 2.1  # what may be a heartbeat's way is no skew
    if abs(filled) > blur:
        assert desk.order("c:a").before_opening == (D(1) if filled < 0 else D(0))


# -- 6: another site in the middle of a fill --------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [None, RECOVERING])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("balances_first", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_a_failover_in_the_middle_of_a_fill(
    rules: Rules | None, closed: bool, balances_first: bool, behind: bool
) -> None:
    """Half is told by one site, the rest by the other, whose balances may be of before its snapshot of orders."""
    desk = whole(Desk(), rules=rules)
    life = Life("a", [("1", "100"), ("1", "100")], began=desk.now)
    desk.report(life.report(0))
    desk.report(life.report(1))
    desk.balance("BTC", "11")
    if closed:
        desk.close("failed over")
    desk.open("s2", after=3)
    desk.info("g2")
    half, rest = BOUGHT, (balance_row("BTC", "12"), balance_row("USDT", "800"))
    if balances_first:
        desk.balances(*(half if behind else rest))
    desk.orders(life.report(1 if behind else 2))
    if not balances_first:
        desk.balances(*(half if behind else rest))
    desk.report(life.report(2))
    desk.report(life.report(1))
    if rules is not None:
        asking = Asking(desk)
        asking.begin()
        asking.orders()
        asking.history(history_row(life.report(1), created=stamp(desk.now)))
        asking.history(history_row(life.report(2), created=stamp(desk.now)))
        asking.end()
    desk.balances(*rest)
    desk.wait(60)
    assert desk.state() == ("covered", None)
    assert (fills(desk), fills(desk, "USDT")) == (D(2), D(-200))
    assert (desk.value("BTC"), desk.value("USDT")) == (D(12), D(800))
    assert not desk.opened()
    assert not desk.findings("amount_regression")


# -- 7: REST against the WebSocket ------------------------------------------------------------------------------------


def missing_half_filled() -> tuple[Desk, Asking]:
    """An order that was half filled when sight of it was lost, and is not open any more."""
    desk = whole(Desk(), rules=RECOVERING)
    desk.report(OPEN.report(0))
    desk.report(OPEN.report(1))
    desk.balances(*BOUGHT)
    desk.wait(6)
    reopened(desk)
    desk.orders()
    desk.balances(*BOUGHT)
    asking = Asking(desk)
    asking.begin()
    return desk, asking


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("way", ["status", "order log"])
def test_an_older_or_equal_state_does_not_account_for_a_missing_order(count: int, way: str) -> None:
    """What was is repeated by the order log, and by an EMS that has lost the order as well."""
    desk, asking = missing_half_filled()
    row = OPEN.report(count)
    if way == "status":
        asking.status("a", row)
        asking.history()
    else:
        asking.history(history_row(row, created=stamp(desk.now)))
    asking.balances(*BOUGHT)
    asking.end()
    assert desk.state() == ("unresolved", "1 order not accounted for: c:a")
    assert (desk.order("c:a").amount_filled, desk.value("BTC")) == (D(1), D(11))
    question = catch_ups(desk)[-1].open[0]
    assert f"the EMS tells of it as {row['status']}, nothing later than before" in question
    desk.report(OPEN.report(1, status="CANCELED"))
    assert desk.state() == ("covered", None)


@pytest.mark.parametrize("way", ["update of the same state", "listed as open", "ended"])
def test_what_tells_that_it_lives_or_ended_accounts_for_it(way: str) -> None:
    desk, asking = missing_half_filled()
    if way == "ended":
        asking.status("a", OPEN.report(1, status="CANCELED"))
    elif way == "listed as open":
        asking.orders(OPEN.report(0))
    else:
        desk.report(OPEN.report(1))
    asking.history()
    asking.end()
    assert desk.state() == ("covered", None)
    assert desk.value("BTC") == D(11)


def test_rest_that_is_behind_takes_nothing_back() -> None:
    desk = whole(Desk(), rules=RECOVERING)
    life = Life("a", [("1", "100")], began=desk.now)
    desk.report(life.report(0))
    desk.report(life.report(1))
    desk.balances(*BOUGHT)
    desk.wait(30)
    asking = Asking.__new__(Asking)
    asking.desk, asking.name, asking.until = desk, "check", {}
    asking.begin()
    asking.orders(life.report(0))
    asking.status("a", life.report(0))
    asking.history(history_row(life.report(0), created=stamp(desk.now)))
    asking.end()
    desk.balances(*BOUGHT)
    desk.wait(60)
    assert (desk.order("c:a").status, fills(desk)) == ("FILLED", D(1))
    assert desk.state() == ("covered", None)
    assert not desk.opened()
    assert not desk.findings("amount_regression")


@pytest.mark.parametrize("known", [True, False])
def test_rows_of_other_accounts_are_of_those_alone(known: bool) -> None:
    desk, asking = missing_half_filled()
    if known:
        desk.info(account=OTHER)
        desk.orders(account=OTHER)
        desk.balances(*ROWS, account=OTHER)
    theirs = OPEN.report(1, status="CANCELED") | {"exchange_id": OTHER}
    asking.status("a", theirs)
    asking.orders(theirs)
    asking.history(history_row(theirs, created=stamp(desk.now)))
    asking.answer(
        {"what": "balances", "account": desk.account}, [{"exchange_id": OTHER, "data": [balance_row("BTC", "10")]}]
    )
    asking.end()
    assert desk.state()[0] == "unresolved"
    assert set(desk.book.accounts[desk.account].unaccounted) == {"c:a"}
    assert desk.value("BTC") == D(11)
    assert (OTHER in desk.book.accounts) == known
    assert bool(desk.findings("unknown_account")) != known
    if known:
        assert desk.comparison("USDT", "asset").reported == D(900)
        assert desk.engine.of(desk.held("USDT", account=OTHER)).reported == D(1000), "absence says nothing"


# -- 8: positions -----------------------------------------------------------------------------------------------------


def test_a_cross_check_of_a_spot_account_makes_no_noise() -> None:
    desk = whole(Desk(), rules=RECOVERING)
    asking = Asking.__new__(Asking)
    asking.desk, asking.name, asking.until = desk, "check", {}
    before = len(desk.findings())
    for _ in range(3):
        asking.answer({"what": "positions", "account": desk.account}, [])
    assert desk.findings()[before:] == []
    asking.answer({"what": "balances", "account": desk.account}, [])
    assert [each.about for each in desk.findings()[before:]] == ["balances"], "every account has balances"
