"""Coverage of an account by stretches of the log (recon/ledger/coverage.py, rules 1 to 3; architecture 4)."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.coverage import Interval
from recon.log import events
from tests.support.gateway_driver import Desk, Life, balance_row, steady

D = Decimal
ROWS: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
OTHER: Final = "KRAKEN/JOHN"


def intervals(desk: Desk, account: str | None = None) -> list[Interval]:
    """What the log says of an account in the end: the last word on each interval."""
    told: dict[int, Interval] = {}
    for each in desk.book.changes.intervals:
        if each.account == (account or desk.account):
            told[each.from_seq] = each
    return [told[seq] for seq in sorted(told)]


def started() -> Desk:
    desk = Desk()
    desk.begin(*ROWS)
    return desk


def reconnect(desk: Desk, session: str = "s2", *orders: dict[str, object]) -> None:
    desk.open(session)
    desk.info()
    desk.orders(*orders)  # type: ignore[arg-type]
    desk.balances(*ROWS)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "close", "info", "restart", "stop", "orders", "balances", "tick", "silence", "report", "vanish"]
        ),
        st.sampled_from([Desk().account, OTHER]),
    ),
    max_size=30,
)


def do(desk: Desk, step: str, account: str, number: int) -> None:
    row = Life(f"o{number % 3}", [("1", "1")], amount="2").report(number % 2, exchange_id=account)
    match step:
        case "open":
            desk.open(f"s{number}")
        case "close":
            desk.close()
        case "info":
            desk.info(account=account)
        case "restart":
            desk.info(f"g{number}", account=account)
        case "stop":
            desk.info(running=False, account=account)
        case "orders":
            desk.orders(row, account=account)
        case "vanish":
            desk.orders(account=account)
        case "balances":
            desk.balances(*ROWS, account=account)
        case "tick":
            desk.tick()
        case "silence":
            desk.wait(14, silent=[account])
        case "report":
            desk.report(row)


@steady(150)
@given(STEPS)
def test_rule_1__intervals_never_overlap_and_are_contiguous(steps: list[tuple[str, str]]) -> None:
    desk = Desk()
    desk.open()
    for number, (step, account) in enumerate(steps, start=2):
        do(desk, step, account, number)
    for account, known in desk.book.accounts.items():
        told = intervals(desk, account)
        for earlier, later in pairwise(told):
            assert (earlier.until_seq, earlier.until_us) == (later.from_seq, later.from_us)
        assert told[-1].until_seq is None
        assert told[-1].until_us is None
        assert (told[-1].state, told[-1].reason) == (known.state, known.reason)
        assert all(each.until_seq is None or each.from_seq < each.until_seq for each in told)
        assert all(each.until_us is None or each.from_us <= each.until_us for each in told)


@steady(100)
@given(STEPS)
def test_rule_3__covered_means_both_snapshots_of_this_session_and_nothing_unaccounted(
    steps: list[tuple[str, str]],
) -> None:
    desk = Desk()
    desk.open()
    for number, (step, account) in enumerate(steps, start=2):
        do(desk, step, account, number)
        for known in desk.book.accounts.values():
            if known.state in {"covered", "unresolved"}:
                assert known.orders_session == known.balances_session == desk.session
                assert (known.state == "unresolved") == bool(known.unaccounted)
                assert known.is_running is not False


def test_the_first_session_catches_up_and_is_covered() -> None:
    desk = Desk()
    desk.open()
    desk.info()
    assert desk.state() == ("catching_up", "no snapshot of orders and balances yet")
    desk.orders()
    assert desk.state() == ("catching_up", "no snapshot of balances yet")
    desk.balances(*ROWS)
    assert [each.state for each in intervals(desk)] == ["catching_up", "catching_up", "covered"]


def test_a_missing_snapshot_of_the_new_session_is_known_to_be_missing() -> None:
    desk = started()
    desk.close()
    assert desk.state() == ("gap", "disconnected")
    desk.open("s2")
    desk.info()
    desk.balances(*ROWS)
    assert desk.state() == ("catching_up", "no snapshot of orders yet")
    desk.orders()
    assert desk.state() == ("covered", None)


def test_a_missing_heartbeat_is_a_gap_of_that_account_alone() -> None:
    desk = started()
    desk.info(account=OTHER)
    desk.orders(account=OTHER)
    desk.balances(*ROWS, account=OTHER)
    desk.wait(9, silent=[OTHER])
    assert desk.book.accounts[OTHER].state == "covered", "ten seconds are the bound"
    desk.wait(3, silent=[OTHER])
    assert (desk.book.accounts[OTHER].state, desk.book.accounts[OTHER].reason) == ("gap", "no heartbeat")
    assert desk.state() == ("covered", None)
    desk.tick()
    assert desk.book.accounts[OTHER].state == "covered", "its snapshots are those of this session"


def test_a_heartbeat_of_before_the_gap_does_not_end_it() -> None:
    """A session closes a second after the last heartbeat; the next tick, which tells of that, follows the close."""
    desk = started()
    last_us = desk.book.clock.last_us
    desk.close(after=1)
    beats = {desk.account: {"last_us": last_us, "count": 1, "lag_us": 1000}}
    desk.event(events.TICK, msgspec.json.encode({"heartbeats": beats}), after=1)
    assert desk.state() == ("gap", "disconnected")


def test_any_frame_of_an_account_is_a_sign_of_life() -> None:
    desk = started()
    for _ in range(20):
        desk.tick(silent=[desk.account])
        desk.balance("BTC", "10")
    assert [each.state for each in intervals(desk)][-1] == "covered"


def test_a_session_that_opens_without_a_close_means_that_we_died() -> None:
    """The gap begins where the log was last heard of, not where the new session begins."""
    desk = started()
    last_us = desk.book.clock.last_us
    desk.open("s2", after=90)
    assert desk.state() == ("gap", "restarted")
    gap = intervals(desk)[-1]
    assert gap.from_us == last_us
    assert gap.from_seq == len(desk.log)
    reconnect(desk, "s3")
    assert desk.state() == ("covered", None)


def test_a_late_close_of_an_older_session_ends_nothing() -> None:
    desk = started()
    desk.open("s2")
    reconnect(desk, "s2")
    newer, desk.session = desk.session, "s1"
    desk.close()
    desk.session = newer
    assert desk.state() == ("covered", None)


def test_another_instance_guid_is_a_restart_and_its_snapshots_are_awaited() -> None:
    desk = started()
    desk.info("g2")
    assert desk.state()[0] == "catching_up"
    assert [each.state for each in intervals(desk)][-2:] in (["gap", "catching_up"], ["covered", "catching_up"])
    assert desk.book.accounts[desk.account].gap_seq is not None
    desk.orders()
    desk.balances(*ROWS)
    assert desk.state() == ("covered", None)


def test_the_same_instance_again_is_no_restart() -> None:
    desk = started()
    desk.info("g1")
    assert desk.state() == ("covered", None)


def test_not_running_is_a_gap_until_it_runs_again() -> None:
    desk = started()
    desk.info(running=False)
    assert desk.state() == ("gap", "not running")
    desk.balance("BTC", "10")
    desk.tick()
    assert desk.state() == ("gap", "not running"), "messages go on, but nothing is vouched for"
    desk.info(running=True)
    desk.tick()
    assert desk.state()[0] != "gap"


@pytest.mark.parametrize("end", ["told", "silent"])
def test_after_a_gap_an_order_that_vanished_withholds_agreed_and_is_named(end: str) -> None:
    desk = Desk()
    life = Life("a", [("1", "100")], amount="3")
    desk.begin(*ROWS, balance_row("ETH", "3"))
    desk.report(life.report(0))
    desk.close()
    desk.open("s2")
    desk.info()
    desk.orders()
    desk.balances(*ROWS, balance_row("ETH", "3"))
    assert desk.state() == ("unresolved", "1 order not accounted for: c:a")
    assert [desk.unit(code).withheld for code in ("BTC", "USDT", "ETH")] == [["c:a"], ["c:a"], []]
    if end == "told":
        desk.report(life.report(0, status="CANCELED"))
        assert desk.state() == ("covered", None)
        assert [desk.unit(code).withheld for code in ("BTC", "USDT")] == [[], []]
    else:
        desk.wait(60)
        assert desk.state()[0] == "unresolved", "time does not settle it"


def test_after_a_gap_an_order_of_the_snapshot_is_accounted_for() -> None:
    desk = started()
    life = Life("a", [("1", "100")], amount="3")
    desk.report(life.report(0))
    desk.close()
    desk.open("s2")
    desk.info()
    desk.orders(life.report(0))
    desk.balances(*ROWS)
    assert desk.state() == ("covered", None)


def test_disagreement_of_a_withheld_unit_still_opens_a_break() -> None:
    desk = started()
    desk.report(Life("a", [("1", "100")], amount="3").report(0))
    desk.close()
    desk.open("s2")
    desk.info()
    desk.orders()
    desk.balances(balance_row("BTC", "11"), balance_row("USDT", "900"))
    desk.wait(60)
    assert desk.opened() == [("BTC", D(1)), ("USDT", D(-100))]
    assert {each.cause for each in (*desk.breaks("BTC"), *desk.breaks("USDT"))} == {"missed_fill_gap"}
