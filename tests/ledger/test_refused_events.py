"""A refused event withholds what it may have touched, until a backfill or a person makes up for it (semantics 7.5)."""

from __future__ import annotations

import json
from typing import Final

import msgspec
import pytest

from recon.ledger.account import REFUSED_EVENT
from recon.ledger.gaps import NOT_READ
from recon.ledger.units import Unit
from recon.log import events
from recon.log.events import Event
from recon.projection.fold import VERSION, decode_event, leaving_out
from recon.projection.refusals import MAX_REASON, Narrowing, Refusal, Refusals, encode_refusal
from recon.testing import ACCOUNT, GatewayDriver, balance_row
from tests.support.rest_driver import RECOVERING, WITHOUT_HISTORY, BackfillRun, backfills_of

BALANCES: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
OTHER: Final = "KRAKEN/JOHN"


def started(rules: object = None) -> GatewayDriver:
    driver = GatewayDriver(rules)  # type: ignore[arg-type]  # None, or rules
    driver.start(*BALANCES)
    driver.server_info(account=OTHER)
    driver.orders(account=OTHER)
    driver.balances(balance_row("ETH", "5"), account=OTHER)
    driver.wait(30)
    assert withheld(driver) == []
    return driver


def refuse(driver: GatewayDriver, kind: str, account: str | None = ACCOUNT, session: str | None = None) -> int:
    """Log an event that is refused, and fold it."""
    seq = len(driver.log) + 1
    refusals = Refusals(VERSION)
    refusals.add(Refusal(seq, VERSION, "a test"))
    event = Event(seq, driver.now, driver.now, kind, account, session or driver.session, True, b"{}")
    driver.log.append(event)
    driver.fold.fold([leaving_out(refusals, decode_event)(event)])
    return seq


def withheld(driver: GatewayDriver) -> list[tuple[str, str]]:
    return [
        (state.unit.account, state.unit.code)
        for state in driver.ledger.units.values()
        if REFUSED_EVENT in state.unit.withheld
    ]


MINE: Final = [(ACCOUNT, "BTC"), (ACCOUNT, "USDT")]


def make_whole(driver: GatewayDriver) -> None:
    backfill = BackfillRun(driver)
    backfill.begin()
    backfill.history()
    backfill.balances(*BALANCES)
    backfill.end()


def settle(driver: GatewayDriver, from_seq: int) -> None:
    decision = {
        "action": "settle_gap",
        "by": {"login": "alice", "name": None, "authenticated": True},
        "account": ACCOUNT,
        "from_seq": from_seq,
        "outcome": "compared with the venue",
    }
    driver.event(events.DECISION, json.dumps(decision).encode(), account=ACCOUNT)


def test_a_refused_frame_is_a_gap_of_one_event_of_its_account_alone() -> None:
    driver = started(RECOVERING)
    seq = refuse(driver, "BALANCE_UPDATE")
    assert withheld(driver) == MINE
    assert driver.coverage() == ("catching_up", "what the gap hid is being fetched")
    assert driver.ledger.accounts[OTHER].coverage.state == "covered"
    (gap,) = backfills_of(driver)
    assert (gap.from_seq, gap.until_seq, gap.reason) == (seq, seq, REFUSED_EVENT)
    (finding,) = driver.findings("event_refused")
    assert (finding.account, finding.about) == (ACCOUNT, "BALANCE_UPDATE")
    assert finding.message == "an event was refused: a test"


def test_a_backfill_that_is_whole_makes_up_for_it() -> None:
    driver = started(RECOVERING)
    refuse(driver, "ORDER_EXEC_REPORT_UPDATE")
    driver.balances(*BALANCES)
    assert withheld(driver) == MINE, "a later report alone says nothing about what was refused"
    make_whole(driver)
    assert withheld(driver) == []
    assert driver.coverage() == ("covered", None)
    assert backfills_of(driver)[-1].state == "whole"


@pytest.mark.parametrize("rules", [None, WITHOUT_HISTORY])
def test_without_a_backfill_that_can_be_whole_a_person_makes_up_for_it(rules: object) -> None:
    driver = started(rules)
    seq = refuse(driver, "ORDER_EXEC_REPORT_UPDATE")
    if rules is not None:
        backfill = BackfillRun(driver)
        backfill.begin()
        backfill.balances(*BALANCES)
        backfill.end()
    driver.balances(*BALANCES)
    driver.wait(60)
    assert withheld(driver) == MINE
    gap = backfills_of(driver)[-1]
    assert (gap.state, gap.open) == ("open", (NOT_READ, f"refused event {seq}: what was in it is not known"))
    settle(driver, gap.from_seq)
    assert withheld(driver) == []


def test_each_of_two_gaps_makes_up_for_its_own_event() -> None:
    driver = started()
    first, second = refuse(driver, "BALANCE_UPDATE"), refuse(driver, "BALANCE_UPDATE")
    driver.balances(*BALANCES)
    latest = backfills_of(driver)[-1]
    assert latest.from_seq in {first, second}
    for gap in backfills_of(driver):
        if gap.state == "open" and any("refused" in question for question in gap.open):
            assert withheld(driver) == MINE
            settle(driver, gap.from_seq)
    assert withheld(driver) == []


def test_a_refused_answer_leaves_its_question_open() -> None:
    driver = started(RECOVERING)
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(*BALANCES)
    backfill = BackfillRun(driver)
    backfill.begin(lists=False)
    answers = driver.ledger.clock.backfill_answers
    refuse(driver, events.REST_ANSWER)
    assert driver.ledger.clock.backfill_answers == answers + 1, "or the agent waits for it"
    backfill.history()
    backfill.balances(*BALANCES)
    backfill.end()
    assert withheld(driver) == MINE
    assert driver.coverage() == ("unresolved", "which orders are open could not be read")
    make_whole(driver)
    assert withheld(driver) == []


def test_a_refused_answer_of_a_cross_check_touches_nothing() -> None:
    driver = started(RECOVERING)
    refuse(driver, events.REST_ANSWER)
    assert withheld(driver) == []
    assert driver.coverage() == ("covered", None)


@pytest.mark.parametrize("kind", [events.SESSION_OPENED, events.SESSION_CLOSED, events.TICK, events.RULES, "frame"])
def test_a_refused_event_of_the_gateway_touches_every_account(kind: str) -> None:
    driver = started()
    refuse(driver, kind, None, "s9" if kind == events.SESSION_OPENED else None)
    assert withheld(driver) == [*MINE, (OTHER, "ETH")]
    if kind == events.SESSION_OPENED:
        assert driver.coverage()[0] == "catching_up"
        driver.session = "s9"
        driver.close_session()
        assert driver.coverage()[0] == "gap"


@pytest.mark.parametrize("kind", [events.DECISION, events.FACT, events.RULES_PROPOSED, events.CATCH_UP_ENDED])
def test_a_refused_decision_or_fact_is_a_finding_alone(kind: str) -> None:
    driver = started()
    refuse(driver, kind)
    assert withheld(driver) == []
    assert driver.coverage() == ("covered", None)
    assert len(driver.findings("event_refused")) == 1


def test_a_refused_event_of_an_unknown_account_is_a_finding_alone() -> None:
    driver = started()
    refuse(driver, "BALANCE_UPDATE", "N" * 3000)
    (finding,) = driver.findings("event_refused")
    assert finding.account is None
    assert withheld(driver) == []


def test_a_unit_that_appears_meanwhile_is_withheld_too() -> None:
    driver = started()
    refuse(driver, "BALANCE_UPDATE")
    driver.balance("ETH", "3")
    assert withheld(driver) == [*MINE, (ACCOUNT, "ETH")]
    unit = driver.unit("ETH")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(unit), type=Unit) == unit, "it is stored as it is read"


def test_the_first_refusal_counts_and_only_those_of_this_version() -> None:
    refusals = Refusals(6)
    refusals.learn(
        [
            (10, encode_refusal(Refusal(7, 6, "first"))),
            (11, encode_refusal(Refusal(7, 6, "second"))),
            (12, encode_refusal(Refusal(8, 5, "of an earlier version"))),
            (13, encode_refusal(Refusal(20, 6, "of the future"))),
            (14, b"not JSON"),
            (15, encode_refusal(Refusal(9, 6, "x" * 5000))),
        ]
    )
    first, long = refusals.of(7), refusals.of(9)
    assert first is not None
    assert first.reason == "first"
    assert long is not None
    assert len(long.reason) == MAX_REASON
    assert refusals.of(8) is refusals.of(20) is None
    assert refusals.seen_seq == 15
    refusals.forget_until(8)
    assert refusals.of(7) is None
    assert refusals.of(9) is not None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("bad", [{1}, {1000}, {500}, {1, 2, 999, 1000}, set(range(400, 420)), set()])
def test_narrowing_finds_each_event_and_grows_again(bad: set[int], known: bool) -> None:
    narrowing, done, steps = Narrowing(1000), 0, 0
    refused: list[int] = []
    while done < 3000:
        steps += 1
        count = min(narrowing.limit, 3000 - done)
        failed = next((seq for seq in range(done + 1, done + count + 1) if seq in bad and seq not in refused), None)
        if failed is None:
            done += count
            narrowing.note_success(done)
        elif narrowing.note_failure(done, count, failed if known else None):
            assert count == 1
            refused.append(failed)
            narrowing.note_refusal(failed)
    assert refused == sorted(bad)
    assert narrowing.limit == 1000
    assert steps <= 25 + 75 * len(bad)


@pytest.mark.parametrize("bad", [1, 31, 32, 500, 993, 1000])
def test_narrowing_fails_three_times_at_most(bad: int) -> None:
    """Each failure folds again what lies in front of the event at fault, and that may be dear."""
    narrowing, done, failures = Narrowing(1000), 0, 0
    while True:
        count = min(narrowing.limit, 1000 - done)
        if not done < bad <= done + count:
            done += count
            narrowing.note_success(done)
            continue
        failures += 1
        if narrowing.note_failure(done, count):
            break
    assert failures <= 3


def test_an_event_that_was_alone_by_chance_is_late_only_when_it_is_alone_on_purpose() -> None:
    narrowing = Narrowing(1000)
    assert not narrowing.note_failure(7, 1, 8, late=True)
    assert narrowing.limit == 1
    assert narrowing.note_failure(7, 1, 8, late=True)
