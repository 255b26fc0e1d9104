"""From a gap to a whole account again (architecture 4).

Rules are those of recon/ledger/gaps.py, rules 1 to 4, and recon/ledger/apply/rest_answers.py, rules 1 to 3.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest

from recon.ledger.gaps import MARGIN_US, NOT_CONFIGURED, NOT_READ
from recon.ledger.rules import Rules
from recon.testing import START, GatewayDriver, OrderScript, Row, balance_row, stamp
from recon.times import microseconds
from tests.support.rest_driver import RECOVERING, WITHOUT_HISTORY, BackfillRun, backfills_of, history_row

D = Decimal
BEFORE: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
AFTER: Final = (balance_row("BTC", "11"), balance_row("USDT", "900"))
#: An order that is open when sight of it is lost, and fills meanwhile: one BTC for 100 USDT.
OPEN: Final = OrderScript("a", [("1", "100")])


def lost(driver: GatewayDriver, *, seconds: float = 3, after: tuple[Row, ...] = AFTER) -> BackfillRun:
    """Lose sight for some seconds, and hear again of what the account holds then."""
    driver.close_session()
    driver.open_session("s2", after=seconds)
    driver.server_info()
    driver.orders()
    driver.balances(*after)
    return BackfillRun(driver)


def started(*orders: OrderScript, rules: Rules | None = RECOVERING) -> GatewayDriver:
    driver = GatewayDriver(rules)
    driver.start(*BEFORE)
    for order in orders:
        driver.report(order.report(0))
    driver.wait(6)
    return driver


def test_rule_4__while_what_the_gap_hid_is_fetched_nothing_is_judged() -> None:
    driver = started(OPEN)
    lost(driver)
    driver.wait(60)
    assert driver.coverage() == ("catching_up", "what the gap hid is being fetched")
    assert not driver.opened_breaks()
    assert [backfill.state for backfill in backfills_of(driver)] == ["waiting"]


def test_rule_3__a_missing_order_that_is_fetched_makes_the_account_whole() -> None:
    driver = started(OPEN)
    backfill = lost(driver)
    backfill.begin()
    backfill.status("a", OPEN.report(1))
    backfill.history()
    backfill.balances(*AFTER)
    backfill.end()
    driver.wait(60)
    assert driver.coverage() == ("covered", None)
    assert not driver.opened_breaks()
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    backfill_row = backfills_of(driver)[-1]
    assert (backfill_row.state, backfill_row.history, backfill_row.orders_settled, backfill_row.fills_found) == (
        "whole",
        "read",
        1,
        1,
    )
    assert backfill_row.requests == 5


def test_late_facts_keep_their_own_time() -> None:
    """What happened in the gap is booked now, as of then (architecture 4)."""
    driver = started(OPEN)
    backfill = lost(driver)
    backfill.begin()
    backfill.status("a", OPEN.report(1))
    entry = driver.entries("BTC")[-1]
    assert entry.occurred_us < entry.recorded_us
    assert entry.amount == D(1)


def test_rule_3__an_order_born_and_finished_inside_is_found_in_the_order_log() -> None:
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    row = history_row(OPEN.report(1), created=stamp(driver.now))
    backfill.history(row)
    backfill.balances(*AFTER)
    backfill.end()
    driver.wait(60)
    assert not driver.opened_breaks()
    assert driver.value("BTC") == D(11)
    backfill_row = backfills_of(driver)[-1]
    assert (backfill_row.state, backfill_row.orders_found, backfill_row.fills_found) == ("whole", 1, 1)


def test_fetched_1__the_same_answers_twice_change_nothing() -> None:
    driver = started(OPEN)
    backfill = lost(driver)
    backfill.begin()
    for _ in range(3):
        backfill.status("a", OPEN.report(1))
        backfill.history(history_row(OPEN.report(1), created=stamp(driver.now)))
        backfill.balances(*AFTER)
    backfill.end()
    driver.wait(60)
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    assert len([entry for entry in driver.entries("BTC") if entry.cause == "fill"]) == 1
    assert not driver.opened_breaks()


def test_without_an_order_history_the_stretch_is_marked_and_the_account_is_judged() -> None:
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    backfill.history(status=400)
    backfill.balances(*AFTER)
    backfill.end()
    marked = backfills_of(driver)[-1]
    assert (marked.state, marked.history, marked.open) == ("open", "not configured", (NOT_CONFIGURED,))
    assert driver.coverage() == ("covered", None)
    driver.wait(60)
    assert driver.opened_breaks() == [("BTC", D(1)), ("USDT", D(-100))], "what cannot be fetched is found by comparing"
    assert {break_.cause for break_ in (*driver.breaks("BTC"), *driver.breaks("USDT"))} == {"missed_fill_gap"}


def test_rule_3__where_the_order_history_is_left_alone_the_stretch_says_so() -> None:
    driver = started(rules=WITHOUT_HISTORY)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.balances(*BEFORE)
    backfill.end()
    assert (backfills_of(driver)[-1].history, backfills_of(driver)[-1].open) == ("off", (NOT_READ,))
    assert driver.coverage() == ("covered", None)


@pytest.mark.parametrize("by", ["report", "person"])
def test_rule_3__what_the_ems_does_not_know_is_open_until_it_is_told_or_settled(by: str) -> None:
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    backfill.history()
    backfill.balances(*BEFORE)
    backfill.end()
    assert driver.coverage() == ("unresolved", "1 order not accounted for: c:a")
    row = backfills_of(driver)[-1]
    assert row.state == "open"
    assert row.open[0].startswith("order c:a: ")
    assert "404" in row.open[0] or "not found" in row.open[0]
    if by == "report":
        driver.report(OPEN.report(0, status="CANCELED"))
    else:
        _settle(driver)
    assert driver.coverage() == ("covered", None)
    assert backfills_of(driver)[-1].state == "whole"


def _settle(driver: GatewayDriver) -> None:
    driver.event(
        "decision",
        b'{"action":"settle_order","by":{"login":"alice","name":null,"authenticated":true},'
        b'"account":"BINANCE","order":"c:a","outcome":"cancelled by hand"}',
        account=driver.account,
    )


def test_an_answer_for_another_account_settles_nothing() -> None:
    """The endpoint takes no account, so an id of two accounts may be answered for the other one (protocol 11)."""
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", OPEN.report(1) | {"exchange_id": "KRAKEN"})
    backfill.end()
    assert driver.coverage()[0] == "unresolved"
    assert driver.value("BTC") == D(10)


def test_a_failed_reading_of_the_history_is_an_open_question_and_can_be_made_up_for() -> None:
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    backfill.history(status=503, problem="503 Service Unavailable")
    backfill.end()
    assert driver.coverage()[0] == "unresolved"
    assert backfills_of(driver)[-1].history == "failed"
    assert "balances could not be read: it was not asked for" in backfills_of(driver)[-1].open
    again = BackfillRun(driver, "run-2")
    again.begin()
    again.history(history_row(OPEN.report(1), created=stamp(driver.now)))
    again.balances(*AFTER)
    again.end()
    assert driver.coverage() == ("covered", None)
    assert (backfills_of(driver)[-1].state, backfills_of(driver)[-1].history) == ("whole", "read")


def test_rule_1__a_gap_while_catching_up_prolongs_the_stretch() -> None:
    driver = started(OPEN)
    backfill = lost(driver)
    backfill.begin()
    first = backfills_of(driver)[-1]
    driver.close_session()
    backfill.end()
    assert backfills_of(driver)[-1].state == "waiting", "the end of an older run ends nothing"
    driver.open_session("s3", after=2)
    driver.server_info()
    driver.orders()
    later = backfills_of(driver)[-1]
    assert (later.from_seq, later.from_us) == (first.from_seq, first.from_us)
    assert later.until_seq is not None
    assert first.until_seq is not None
    assert later.until_seq > first.until_seq
    assert len(backfills_of(driver)) == 1


def test_rule_4__an_account_that_nobody_catches_up_with_is_judged_all_the_same() -> None:
    driver = started(OPEN)
    lost(driver)
    driver.wait(310)
    assert driver.coverage()[0] == "unresolved"
    row = backfills_of(driver)[-1]
    assert row.state == "open"
    assert "did not come to an end" in row.open[0]
    driver.wait(60)
    assert driver.opened_breaks() == [("BTC", D(1)), ("USDT", D(-100))]


def test_without_recovery_a_stretch_is_told_and_nothing_is_held() -> None:
    driver = started(rules=None)
    driver.close_session()
    driver.open_session("s2", after=3)
    driver.server_info()
    driver.orders()
    driver.balances(*AFTER)
    assert driver.coverage() == ("covered", None)
    row = backfills_of(driver)[-1]
    assert (row.state, row.history, row.open) == ("open", "off", ())
    assert row.until_seq is not None


def test_a_true_difference_across_a_gap_is_found_after_it() -> None:
    driver = started()
    backfill = lost(driver, after=(balance_row("BTC", "10"), balance_row("USDT", "400")))
    backfill.begin()
    backfill.history()
    backfill.balances(balance_row("BTC", "10"), balance_row("USDT", "400"))
    backfill.end()
    driver.wait(60)
    assert driver.opened_breaks() == [("USDT", D(-600))]


def test_the_last_report_is_judged_also_where_rest_does_not_tell_what_is_held() -> None:
    driver = started()
    backfill = lost(driver, after=(balance_row("BTC", "10"), balance_row("USDT", "400")))
    backfill.begin()
    backfill.history()
    backfill.answer({"what": "balances", "account": driver.account}, None, status=490, problem="490 unreachable")
    backfill.end()
    driver.wait(60)
    assert driver.opened_breaks() == [("USDT", D(-600))]
    assert [finding.about for finding in driver.findings("rest_failed")] == ["balances"]
    assert backfills_of(driver)[-1].open == ("balances could not be read: 490 unreachable",)
    again = BackfillRun(driver, "run-2")
    again.begin()
    again.balances(balance_row("BTC", "10"), balance_row("USDT", "400"))
    again.end()
    assert backfills_of(driver)[-1].state == "whole"


def test_rule_3__which_orders_are_open_must_be_read_also_where_no_session_ended() -> None:
    """Heartbeats of one account stop and come back: no order snapshot follows on the WebSocket."""
    driver = started(OPEN)
    driver.wait(14, silent=[driver.account])
    driver.tick()
    backfill = BackfillRun(driver)
    backfill.begin(lists=False)
    backfill.answer({"what": "positions", "account": driver.account}, [])
    backfill.answer({"what": "orders", "account": driver.account}, None, status=503, problem="503 down")
    backfill.history()
    backfill.balances(*BEFORE)
    backfill.end()
    assert driver.coverage() == ("unresolved", "which orders are open could not be read")
    assert backfills_of(driver)[-1].open == ("orders could not be read: 503 down",)
    again = BackfillRun(driver, "run-2")
    again.begin()
    assert driver.coverage()[0] == "unresolved", "the order that was open is missing now"
    again.status("a", OPEN.report(1))
    again.end()
    assert driver.coverage() == ("covered", None)
    assert backfills_of(driver)[-1].state == "whole"


def test_rest_that_tells_otherwise_than_the_websocket_is_a_finding() -> None:
    driver = started()
    driver.wait(20)
    backfill = BackfillRun.__new__(BackfillRun)
    backfill.driver, backfill.name, backfill.until = driver, "check", {}
    backfill.begin()
    backfill.balances(balance_row("BTC", "10"), balance_row("USDT", "400"))
    backfill.end()
    assert [finding.about for finding in driver.findings("rest_differs")] == ["USDT"]


def test_rule_2__what_is_fetched_is_no_sign_of_life() -> None:
    driver = started(OPEN)
    backfill = lost(driver)
    backfill.begin()
    driver.close_session()
    backfill.orders()
    backfill.balances(*AFTER)
    assert driver.coverage()[0] == "gap"


def test_an_order_that_stays_open_goes_on_with_the_next_gap() -> None:
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    backfill.history()
    backfill.end()
    second = lost(driver, after=BEFORE)
    earlier, later = backfills_of(driver)
    assert "asked on" in earlier.open[0]
    assert later.from_seq > earlier.from_seq
    second.begin()
    second.status("a", OPEN.report(0, status="CANCELED"))
    second.history()
    second.balances(*BEFORE)
    second.end()
    assert backfills_of(driver)[-1].state == "whole"
    assert driver.coverage() == ("covered", None)


def test_what_cannot_be_fetched_of_a_gap_can_be_settled_by_a_person() -> None:
    driver = started()
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.history(status=400)
    backfill.balances(*BEFORE)
    backfill.end()
    stretch = backfills_of(driver)[-1]
    for wanted in (stretch.from_seq + 1, stretch.from_seq, stretch.from_seq):
        _settle_gap(driver, wanted)
    assert (backfills_of(driver)[-1].state, backfills_of(driver)[-1].open) == ("whole", ())
    (settled,) = driver.findings("gap_settled")
    assert "alice settled it: compared with the venue's list" in settled.message
    assert len(driver.findings("decision_refused")) == 2, "another gap, and the same one again"
    assert backfills_of(driver)[-1].history == "not configured", "what is known of it stays"


def test_settling_a_gap_settles_no_order_that_is_missing_by_name() -> None:
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    backfill.history(status=503, problem="503 down")
    backfill.end()
    _settle_gap(driver, backfills_of(driver)[-1].from_seq)
    assert driver.coverage() == ("unresolved", "1 order not accounted for: c:a")
    _settle(driver)
    assert driver.coverage() == ("covered", None)


def _settle_gap(driver: GatewayDriver, from_seq: int) -> None:
    driver.event(
        "decision",
        b'{"action":"settle_gap","by":{"login":"alice","name":null,"authenticated":true},"account":"BINANCE",'
        b'"from_seq":%d,"outcome":"compared with the venue\'s list"}' % from_seq,
        account=driver.account,
    )


def test_rule_3__an_order_log_that_can_be_read_in_part_only_is_not_read() -> None:
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    row = history_row(OPEN.report(1), created=stamp(driver.now))
    del row["exchangeId"]
    backfill.history(row)
    backfill.balances(*AFTER)
    backfill.end()
    assert (backfills_of(driver)[-1].state, backfills_of(driver)[-1].history) == ("open", "failed")


def test_rule_3__a_row_that_still_has_an_order_open_does_not_account_for_one_that_is_not() -> None:
    twice = OrderScript("a", [("1", "100"), ("1", "100")])
    driver = started(twice)
    rows = (balance_row("BTC", "12"), balance_row("USDT", "800"))
    backfill = lost(driver, after=rows)
    backfill.begin()
    backfill.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    backfill.history(history_row(twice.report(1), created=stamp(driver.now)))
    backfill.balances(*rows)
    backfill.end()
    assert backfills_of(driver)[-1].state == "open"
    assert driver.coverage()[0] == "unresolved"


def test_an_old_life_of_a_client_id_in_the_order_log_is_not_booked_again() -> None:
    """No exchange ids, and the id is used again: semantics 2.1 tells the lives apart by their times."""
    first = OrderScript("1", [("5", "10")], exchange_id=None, placed_at=START + timedelta(seconds=31))
    second = OrderScript("1", [("2", "10")], exchange_id=None, placed_at=START + timedelta(seconds=60))
    driver = started()
    for script, btc, usdt, seconds in ((first, "15", "950", 25), (second, "17", "930", 20)):
        driver.report(script.report(0))
        driver.report(script.report(1))
        driver.balance("BTC", btc)
        driver.balance("USDT", usdt)
        driver.wait(seconds)
    after = (balance_row("BTC", "17"), balance_row("USDT", "930"))
    backfill = lost(driver, after=after)
    backfill.begin()
    backfill.history(*(history_row(script.report(1), created=stamp(script.at(4))) for script in (first, second)))
    backfill.balances(*after)
    backfill.end()
    driver.wait(60)
    assert driver.value("BTC") == D(17)
    assert not driver.opened_breaks()


def test_rule_1__what_was_not_read_of_a_stretch_is_read_also_after_the_next_gap() -> None:
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    backfill.history(status=503, problem="503")
    backfill.balances(*AFTER)
    backfill.end()
    again = BackfillRun(driver, "run-2")
    again.begin()
    again.history(end=37)
    driver.orders()
    assert driver.coverage()[0] == "unresolved", "a part of the order log is not all of it"
    read_to = driver.ledger.accounts[driver.account].coverage.history_read_until_us
    driver.wait(120)
    lost(driver)
    assert driver.ledger.accounts[driver.account].coverage.history_read_until_us <= read_to
    assert len(backfills_of(driver)) == 1


def test_rule_1__what_the_order_log_may_not_hold_yet_counts_as_not_read() -> None:
    """A run that began for one gap may read the order log just after another: the EMS has not written it yet."""
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    backfill.history(settled=False)
    backfill.balances(*AFTER)
    backfill.end()
    assert backfills_of(driver)[-1].history == "failed"
    again = BackfillRun(driver, "run-2")
    again.begin()
    again.history(history_row(OPEN.report(1), created=stamp(driver.now)))
    again.balances(*AFTER)
    again.end()
    driver.wait(60)
    assert backfills_of(driver)[-1].history == "read"
    assert driver.coverage()[0] == "covered"
    assert not driver.opened_breaks()


def test_rule_1__what_was_logged_late_before_another_gap_is_read_again() -> None:
    driver = started()
    backfill = lost(driver)
    backfill.begin()
    driver.wait(6)
    backfill.history()
    driver.close_session()
    assert microseconds(driver.now) - driver.ledger.accounts[driver.account].coverage.history_read_until_us >= MARGIN_US


def test_rule_2__an_answer_within_a_gap_is_none_about_it() -> None:
    driver = started(OPEN, rules=WITHOUT_HISTORY)
    driver.wait(14, silent=[driver.account])
    driver.tick()
    backfill = BackfillRun(driver)
    backfill.begin(lists=False)
    driver.wait(14, silent=[driver.account])
    for what in ("orders", "balances", "positions"):
        backfill.answer({"what": what, "account": driver.account}, [])
    driver.tick()
    driver.wait(310)
    assert driver.coverage()[0] == "unresolved", "nobody asked since it was heard again"


def test_a_persons_word_is_not_undone_by_what_the_order_log_repeats() -> None:
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", {"message": "not found"}, status=404)
    _settle(driver)
    backfill.history(history_row(OPEN.report(0), created=stamp(OPEN.at(3))))
    backfill.balances(*BEFORE)
    backfill.end()
    assert driver.order("c:a").flags.settled_by_person
    assert driver.coverage() == ("covered", None)


def test_an_answer_about_a_later_order_of_that_id_says_so() -> None:
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", OrderScript("a", [("1", "100")], exchange_id="Y-9").report(0))
    backfill.history()
    backfill.end()
    assert "another order" in backfills_of(driver)[-1].open[0]


def test_a_break_of_before_the_gap_clears_by_the_fill_that_is_fetched() -> None:
    driver = started(OPEN)
    driver.balances(*AFTER)
    driver.wait(90)
    assert driver.opened_breaks()
    backfill = lost(driver)
    backfill.begin()
    backfill.status("a", OPEN.report(1))
    backfill.history()
    backfill.balances(*AFTER)
    backfill.end()
    driver.wait(60)
    assert not driver.breaks("BTC")


def test_a_fetched_fill_that_the_balance_does_not_bear_out_is_a_break() -> None:
    """It happened before the balance was reported, so no race explains it."""
    driver = started(OPEN)
    backfill = lost(driver, after=BEFORE)
    backfill.begin()
    backfill.status("a", OPEN.report(1))
    backfill.history()
    backfill.balances(*BEFORE)
    backfill.end()
    driver.wait(80)
    assert driver.opened_breaks() == [("BTC", D(-1)), ("USDT", D(100))]


def test_a_cross_check_that_repeats_an_old_poll_is_no_news() -> None:
    driver = started()
    for _ in range(4):
        driver.balances(*BEFORE)
        driver.wait(90)
    driver.report(OrderScript("x", [("1", "100")], placed_at=driver.now).report(1))
    driver.wait(12)
    check = BackfillRun.__new__(BackfillRun)
    check.driver, check.name, check.until = driver, "check", {}
    check.begin()
    check.balances(*BEFORE)
    driver.wait(77)
    driver.balances(*AFTER)
    driver.wait(60)
    assert not driver.opened_breaks()
    assert not driver.findings("rest_differs")


def test_rule_4__what_is_held_makes_no_hurry() -> None:
    """A report waits, sight is lost, and nobody comes back: time alone decides nothing, so no tick each second."""
    driver = started()
    driver.balance("BTC", "12")
    assert driver.reconciler.pending
    driver.close_session()
    assert not driver.reconciler.pending
