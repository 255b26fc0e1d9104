"""Each trade is told once, once it is settled; an answer that leaves a known one out is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from recon.venues.client import ToldTrade
from recon.venues.trade_cursor import OVERLAP, SETTLED, TradeCursor

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def trade(number: int, at: datetime) -> ToldTrade:
    return ToldTrade(str(number), "XBTUSD", "BUY", Decimal(1), Decimal(1), at)


def test_each_trade_is_told_once_and_questions_overlap() -> None:
    cursor = TradeCursor(NOON)
    first, second = trade(1, NOON + MINUTE), trade(2, NOON + 30 * MINUTE)
    assert cursor.since == NOON
    assert cursor.take([second, first], NOON + 40 * MINUTE) == [first, second]
    assert cursor.since == second.at - OVERLAP
    late = trade(3, NOON + 25 * MINUTE)
    assert cursor.take([late, second], NOON + 50 * MINUTE) == [late], "a venue listed it late"
    assert cursor.take([late, second], NOON + 60 * MINUTE) == []


def test_what_is_young_waits_for_the_next_question_and_what_is_old_is_not_told() -> None:
    cursor = TradeCursor(NOON)
    young, old = trade(1, NOON + 5 * MINUTE), trade(2, NOON - MINUTE)
    assert cursor.take([young, old], young.at + SETTLED - timedelta(seconds=1)) == []
    assert cursor.take([young, old], young.at + SETTLED) == [young]


def test_an_answer_without_a_known_trade_has_left_others_out_too() -> None:
    cursor = TradeCursor(NOON)
    known, new = trade(1, NOON + 20 * MINUTE), trade(2, NOON + 40 * MINUTE)
    cursor.take([known], NOON + 30 * MINUTE)
    since = cursor.since
    assert not cursor.leaves_out([known, new], since)
    assert cursor.leaves_out([new], since)
    assert not TradeCursor(NOON).leaves_out([], NOON)
