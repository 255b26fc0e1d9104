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
from recon.times import microseconds
from tests.support.gateway_driver import START, Desk, Life, Row, balance_row, stamp
from tests.support.rest_driver import RECOVERING, WITHOUT_HISTORY, Asking, catch_ups, history_row

D = Decimal
BEFORE: Final = (balance_row("BTC", "10"), balance_row("USDT", "1000"))
AFTER: Final = (balance_row("BTC", "11"), balance_row("USDT", "900"))
#: An order that is open when sight of it is lost, and fills meanwhile: one BTC for 100 USDT.
OPEN: Final = Life("a", [("1", "100")])


def lost(desk: Desk, *, seconds: float = 3, after: tuple[Row, ...] = AFTER) -> Asking:
    """Lose sight for some seconds, and hear again of what the account holds then."""
    desk.close()
    desk.open("s2", after=seconds)
    desk.info()
    desk.orders()
    desk.balances(*after)
    return Asking(desk)


def started(*orders: Life, rules: Rules | None = RECOVERING) -> Desk:
    desk = Desk(rules)
    desk.begin(*BEFORE)
    for order in orders:
        desk.report(order.report(0))
    desk.wait(6)
    return desk


def test_rule_4__while_what_the_gap_hid_is_fetched_nothing_is_judged() -> None:
    desk = started(OPEN)
    lost(desk)
    desk.wait(60)
    assert desk.state() == ("catching_up", "what the gap hid is being fetched")
    assert not desk.opened()
    assert [each.state for each in catch_ups(desk)] == ["waiting"]


def test_rule_3__a_missing_order_that_is_fetched_makes_the_account_whole() -> None:
    desk = started(OPEN)
    asking = lost(desk)
    asking.begin()
    asking.status("a", OPEN.report(1))
    asking.history()
    asking.balances(*AFTER)
    asking.end()
    desk.wait(60)
    assert desk.state() == ("covered", None)
    assert not desk.opened()
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(900))
    whole = catch_ups(desk)[-1]
    assert (whole.state, whole.history, whole.orders_settled, whole.fills_found) == ("whole", "read", 1, 1)
    assert whole.requests == 5


def test_late_facts_keep_their_own_time() -> None:
    """What happened in the gap is booked now, as of then (architecture 4)."""
    desk = started(OPEN)
    asking = lost(desk)
    asking.begin()
    asking.status("a", OPEN.report(1))
    entry = desk.entries("BTC")[-1]
    assert entry.occurred_us < entry.recorded_us
    assert entry.amount == D(1)


def test_rule_3__an_order_born_and_finished_inside_is_found_in_the_order_log() -> None:
    desk = started()
    asking = lost(desk)
    asking.begin()
    row = history_row(OPEN.report(1), created=stamp(desk.now))
    asking.history(row)
    asking.balances(*AFTER)
    asking.end()
    desk.wait(60)
    assert not desk.opened()
    assert desk.value("BTC") == D(11)
    whole = catch_ups(desk)[-1]
    assert (whole.state, whole.orders_found, whole.fills_found) == ("whole", 1, 1)


def test_fetched_1__the_same_answers_twice_change_nothing() -> None:
    desk = started(OPEN)
    asking = lost(desk)
    asking.begin()
    for _ in range(3):
        asking.status("a", OPEN.report(1))
        asking.history(history_row(OPEN.report(1), created=stamp(desk.now)))
        asking.balances(*AFTER)
    asking.end()
    desk.wait(60)
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(900))
    assert len([each for each in desk.entries("BTC") if each.cause == "fill"]) == 1
    assert not desk.opened()


def test_without_an_order_history_the_stretch_is_marked_and_the_account_is_judged() -> None:
    desk = started()
    asking = lost(desk)
    asking.begin()
    asking.history(status=400)
    asking.balances(*AFTER)
    asking.end()
    marked = catch_ups(desk)[-1]
    assert (marked.state, marked.history, marked.open) == ("open", "not configured", (NOT_CONFIGURED,))
    assert desk.state() == ("covered", None)
    desk.wait(60)
    assert desk.opened() == [("BTC", D(1)), ("USDT", D(-100))], "what cannot be fetched is found by comparing"
    assert {each.cause for each in (*desk.breaks("BTC"), *desk.breaks("USDT"))} == {"missed_fill_gap"}


def test_rule_3__where_the_order_history_is_left_alone_the_stretch_says_so() -> None:
    desk = started(rules=WITHOUT_HISTORY)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.balances(*BEFORE)
    asking.end()
    assert (catch_ups(desk)[-1].history, catch_ups(desk)[-1].open) == ("off", (NOT_READ,))
    assert desk.state() == ("covered", None)


@pytest.mark.parametrize("by", ["report", "person"])
def test_rule_3__what_the_ems_does_not_know_is_open_until_it_is_told_or_settled(by: str) -> None:
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    asking.history()
    asking.balances(*BEFORE)
    asking.end()
    assert desk.state() == ("unresolved", "1 order not accounted for: c:a")
    row = catch_ups(desk)[-1]
    assert row.state == "open"
    assert row.open[0].startswith("order c:a: ")
    assert "404" in row.open[0] or "not found" in row.open[0]
    if by == "report":
        desk.report(OPEN.report(0, status="CANCELED"))
    else:
        _settle(desk)
    assert desk.state() == ("covered", None)
    assert catch_ups(desk)[-1].state == "whole"


def _settle(desk: Desk) -> None:
    desk.event(
        "decision",
        b'{"action":"settle_order","by":{"login":"alice","name":null,"authenticated":true},'
        b'"account":"BINANCE","order":"c:a","outcome":"cancelled by hand"}',
        account=desk.account,
    )


def test_an_answer_for_another_account_settles_nothing() -> None:
    """The endpoint takes no account, so an id of two accounts may be answered for the other one (protocol 11)."""
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", OPEN.report(1) | {"exchange_id": "KRAKEN"})
    asking.end()
    assert desk.state()[0] == "unresolved"
    assert desk.value("BTC") == D(10)


def test_a_failed_reading_of_the_history_is_an_open_question_and_can_be_made_up_for() -> None:
    desk = started()
    asking = lost(desk)
    asking.begin()
    asking.history(status=503, problem="503 Service Unavailable")
    asking.end()
    assert desk.state()[0] == "unresolved"
    assert catch_ups(desk)[-1].history == "failed"
    assert "balances could not be read: it was not asked for" in catch_ups(desk)[-1].open
    again = Asking(desk, "run-2")
    again.begin()
    again.history(history_row(OPEN.report(1), created=stamp(desk.now)))
    again.balances(*AFTER)
    again.end()
    assert desk.state() == ("covered", None)
    assert (catch_ups(desk)[-1].state, catch_ups(desk)[-1].history) == ("whole", "read")


def test_rule_1__a_gap_while_catching_up_prolongs_the_stretch() -> None:
    desk = started(OPEN)
    asking = lost(desk)
    asking.begin()
    first = catch_ups(desk)[-1]
    desk.close()
    asking.end()
    assert catch_ups(desk)[-1].state == "waiting", "the end of an older run ends nothing"
    desk.open("s3", after=2)
    desk.info()
    desk.orders()
    later = catch_ups(desk)[-1]
    assert (later.from_seq, later.from_us) == (first.from_seq, first.from_us)
    assert later.until_seq is not None
    assert first.until_seq is not None
    assert later.until_seq > first.until_seq
    assert len(catch_ups(desk)) == 1


def test_rule_4__an_account_that_nobody_catches_up_with_is_judged_all_the_same() -> None:
    desk = started(OPEN)
    lost(desk)
    desk.wait(310)
    assert desk.state()[0] == "unresolved"
    row = catch_ups(desk)[-1]
    assert row.state == "open"
    assert "did not come to an end" in row.open[0]
    desk.wait(60)
    assert desk.opened() == [("BTC", D(1)), ("USDT", D(-100))]


def test_without_recovery_a_stretch_is_told_and_nothing_is_held() -> None:
    desk = started(rules=None)
    desk.close()
    desk.open("s2", after=3)
    desk.info()
    desk.orders()
    desk.balances(*AFTER)
    assert desk.state() == ("covered", None)
    row = catch_ups(desk)[-1]
    assert (row.state, row.history, row.open) == ("open", "off", ())
    assert row.until_seq is not None


def test_a_true_difference_across_a_gap_is_found_after_it() -> None:
    desk = started()
    asking = lost(desk, after=(balance_row("BTC", "10"), balance_row("USDT", "400")))
    asking.begin()
    asking.history()
    asking.balances(balance_row("BTC", "10"), balance_row("USDT", "400"))
    asking.end()
    desk.wait(60)
    assert desk.opened() == [("USDT", D(-600))]


def test_the_last_report_is_judged_also_where_rest_does_not_tell_what_is_held() -> None:
    desk = started()
    asking = lost(desk, after=(balance_row("BTC", "10"), balance_row("USDT", "400")))
    asking.begin()
    asking.history()
    asking.answer({"what": "balances", "account": desk.account}, None, status=490, problem="490 unreachable")
    asking.end()
    desk.wait(60)
    assert desk.opened() == [("USDT", D(-600))]
    assert [each.about for each in desk.findings("rest_failed")] == ["balances"]
    assert catch_ups(desk)[-1].open == ("balances could not be read: 490 unreachable",)
    again = Asking(desk, "run-2")
    again.begin()
    again.balances(balance_row("BTC", "10"), balance_row("USDT", "400"))
    again.end()
    assert catch_ups(desk)[-1].state == "whole"


def test_rule_3__which_orders_are_open_must_be_read_also_where_no_session_ended() -> None:
    """Heartbeats of one account stop and come back: no order snapshot follows on the WebSocket."""
    desk = started(OPEN)
    desk.wait(14, silent=[desk.account])
    desk.tick()
    asking = Asking(desk)
    asking.begin(lists=False)
    asking.answer({"what": "positions", "account": desk.account}, [])
    asking.answer({"what": "orders", "account": desk.account}, None, status=503, problem="503 down")
    asking.history()
    asking.balances(*BEFORE)
    asking.end()
    assert desk.state() == ("unresolved", "which orders are open could not be read")
    assert catch_ups(desk)[-1].open == ("orders could not be read: 503 down",)
    again = Asking(desk, "run-2")
    again.begin()
    assert desk.state()[0] == "unresolved", "the order that was open is missing now"
    again.status("a", OPEN.report(1))
    again.end()
    assert desk.state() == ("covered", None)
    assert catch_ups(desk)[-1].state == "whole"


def test_rest_that_tells_otherwise_than_the_websocket_is_a_finding() -> None:
    desk = started()
    desk.wait(20)
    asking = Asking.__new__(Asking)
    asking.desk, asking.name, asking.until = desk, "check", {}
    asking.begin()
    asking.balances(balance_row("BTC", "10"), balance_row("USDT", "400"))
    asking.end()
    assert [each.about for each in desk.findings("rest_differs")] == ["USDT"]


def test_rule_2__what_is_fetched_is_no_sign_of_life() -> None:
    desk = started(OPEN)
    asking = lost(desk)
    asking.begin()
    desk.close()
    asking.orders()
    asking.balances(*AFTER)
    assert desk.state()[0] == "gap"


def test_an_order_that_stays_open_goes_on_with_the_next_gap() -> None:
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    asking.history()
    asking.end()
    second = lost(desk, after=BEFORE)
    earlier, later = catch_ups(desk)
    assert "asked on" in earlier.open[0]
    assert later.from_seq > earlier.from_seq
    second.begin()
    second.status("a", OPEN.report(0, status="CANCELED"))
    second.history()
    second.balances(*BEFORE)
    second.end()
    assert catch_ups(desk)[-1].state == "whole"
    assert desk.state() == ("covered", None)


def test_what_cannot_be_fetched_of_a_gap_can_be_settled_by_a_person() -> None:
    desk = started()
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.history(status=400)
    asking.balances(*BEFORE)
    asking.end()
    stretch = catch_ups(desk)[-1]
    for wanted in (stretch.from_seq + 1, stretch.from_seq, stretch.from_seq):
        _settle_gap(desk, wanted)
    assert (catch_ups(desk)[-1].state, catch_ups(desk)[-1].open) == ("whole", ())
    (settled,) = desk.findings("gap_settled")
    assert "alice settled it: compared with the venue's list" in settled.message
    assert len(desk.findings("decision_refused")) == 2, "another gap, and the same one again"
    assert catch_ups(desk)[-1].history == "not configured", "what is known of it stays"


def test_settling_a_gap_settles_no_order_that_is_missing_by_name() -> None:
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    asking.history(status=503, problem="503 down")
    asking.end()
    _settle_gap(desk, catch_ups(desk)[-1].from_seq)
    assert desk.state() == ("unresolved", "1 order not accounted for: c:a")
    _settle(desk)
    assert desk.state() == ("covered", None)


def _settle_gap(desk: Desk, from_seq: int) -> None:
    desk.event(
        "decision",
        b'{"action":"settle_gap","by":{"login":"alice","name":null,"authenticated":true},"account":"BINANCE",'
        b'"from_seq":%d,"outcome":"compared with the venue\'s list"}' % from_seq,
        account=desk.account,
    )


def test_rule_3__an_order_log_that_can_be_read_in_part_only_is_not_read() -> None:
    desk = started()
    asking = lost(desk)
    asking.begin()
    row = history_row(OPEN.report(1), created=stamp(desk.now))
    del row["exchangeId"]
    asking.history(row)
    asking.balances(*AFTER)
    asking.end()
    assert (catch_ups(desk)[-1].state, catch_ups(desk)[-1].history) == ("open", "failed")


def test_rule_3__a_row_that_still_has_an_order_open_does_not_account_for_one_that_is_not() -> None:
    twice = Life("a", [("1", "100"), ("1", "100")])
    desk = started(twice)
    held = (balance_row("BTC", "12"), balance_row("USDT", "800"))
    asking = lost(desk, after=held)
    asking.begin()
    asking.status("a", {"type": "MESSAGE_REJECT", "message": "not found"}, status=404)
    asking.history(history_row(twice.report(1), created=stamp(desk.now)))
    asking.balances(*held)
    asking.end()
    assert catch_ups(desk)[-1].state == "open"
    assert desk.state()[0] == "unresolved"


def test_an_old_life_of_a_client_id_in_the_order_log_is_not_booked_again() -> None:
    """No exchange ids, and the id is used again: semantics 2.1 tells the lives apart by their times."""
    first = Life("1", [("5", "10")], exchange_id=None, began=START + timedelta(seconds=31))
    second = Life("1", [("2", "10")], exchange_id=None, began=START + timedelta(seconds=60))
    desk = started()
    for life, btc, usdt, seconds in ((first, "15", "950", 25), (second, "17", "930", 20)):
        desk.report(life.report(0))
        desk.report(life.report(1))
        desk.balance("BTC", btc)
        desk.balance("USDT", usdt)
        desk.wait(seconds)
    after = (balance_row("BTC", "17"), balance_row("USDT", "930"))
    asking = lost(desk, after=after)
    asking.begin()
    asking.history(*(history_row(life.report(1), created=stamp(life.at(4))) for life in (first, second)))
    asking.balances(*after)
    asking.end()
    desk.wait(60)
    assert desk.value("BTC") == D(17)
    assert not desk.opened()


def test_rule_1__what_was_not_read_of_a_stretch_is_read_also_after_the_next_gap() -> None:
    desk = started()
    asking = lost(desk)
    asking.begin()
    asking.history(status=503, problem="503")
    asking.balances(*AFTER)
    asking.end()
    again = Asking(desk, "run-2")
    again.begin()
    again.history(end=37)
    desk.orders()
    assert desk.state()[0] == "unresolved", "a part of the order log is not all of it"
    read_to = desk.book.accounts[desk.account].history_us
    desk.wait(120)
    lost(desk)
    assert desk.book.accounts[desk.account].history_us <= read_to
    assert len(catch_ups(desk)) == 1


def test_rule_1__what_was_logged_late_before_another_gap_is_read_again() -> None:
    desk = started()
    asking = lost(desk)
    asking.begin()
    desk.wait(6)
    asking.history()
    desk.close()
    assert microseconds(desk.now) - desk.book.accounts[desk.account].history_us >= MARGIN_US


def test_rule_2__an_answer_within_a_gap_is_none_about_it() -> None:
    desk = started(OPEN, rules=WITHOUT_HISTORY)
    desk.wait(14, silent=[desk.account])
    desk.tick()
    asking = Asking(desk)
    asking.begin(lists=False)
    desk.wait(14, silent=[desk.account])
    for what in ("orders", "balances", "positions"):
        asking.answer({"what": what, "account": desk.account}, [])
    desk.tick()
    desk.wait(310)
    assert desk.state()[0] == "unresolved", "nobody asked since it was heard again"


def test_a_persons_word_is_not_undone_by_what_the_order_log_repeats() -> None:
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", {"message": "not found"}, status=404)
    _settle(desk)
    asking.history(history_row(OPEN.report(0), created=stamp(OPEN.at(3))))
    asking.balances(*BEFORE)
    asking.end()
    assert desk.order("c:a").settled
    assert desk.state() == ("covered", None)


def test_an_answer_about_a_later_order_of_that_id_says_so() -> None:
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", Life("a", [("1", "100")], exchange_id="Y-9").report(0))
    asking.history()
    asking.end()
    assert "another order" in catch_ups(desk)[-1].open[0]


def test_a_break_of_before_the_gap_clears_by_the_fill_that_is_fetched() -> None:
    desk = started(OPEN)
    desk.balances(*AFTER)
    desk.wait(90)
    assert desk.opened()
    asking = lost(desk)
    asking.begin()
    asking.status("a", OPEN.report(1))
    asking.history()
    asking.balances(*AFTER)
    asking.end()
    desk.wait(60)
    assert not desk.breaks("BTC")


def test_a_fetched_fill_that_the_balance_does_not_bear_out_is_a_break() -> None:
    """It happened before the balance was reported, so no race explains it."""
    desk = started(OPEN)
    asking = lost(desk, after=BEFORE)
    asking.begin()
    asking.status("a", OPEN.report(1))
    asking.history()
    asking.balances(*BEFORE)
    asking.end()
    desk.wait(60)
    assert desk.opened() == [("BTC", D(-1)), ("USDT", D(100))]


def test_a_cross_check_that_repeats_an_old_poll_is_no_news() -> None:
    desk = started()
    for _ in range(4):
        desk.balances(*BEFORE)
        desk.wait(90)
    desk.report(Life("x", [("1", "100")], began=desk.now).report(1))
    desk.wait(12)
    check = Asking.__new__(Asking)
    check.desk, check.name, check.until = desk, "check", {}
    check.begin()
    check.balances(*BEFORE)
    desk.wait(77)
    desk.balances(*AFTER)
    desk.wait(60)
    assert not desk.opened()
    assert not desk.findings("rest_differs")


def test_rule_4__what_is_held_makes_no_hurry() -> None:
    """A report waits, sight is lost, and nobody comes back: time alone decides nothing, so no tick each second."""
    desk = started()
    desk.balance("BTC", "12")
    assert desk.engine.pending
    desk.close()
    assert not desk.engine.pending
