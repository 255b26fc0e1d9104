"""What a venue answered, as events of the log. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from recon.exact import plain
from recon.ledger.documents import MAX_DOCUMENT_BYTES
from recon.ledger.facts.external_fact import TRADE
from recon.ledger.facts.venue_answer import HeldAmount, Question
from recon.log.events import VENUE_ANSWER, VENUE_TRADE, NewEvent
from recon.source_class import VENUE
from recon.times import microseconds
from recon.venues.client import ToldTrade

#: How exact the times of trades are, in microseconds.
STEP_US: Final = 1_000
#: Longest problem in the log, in characters.
MAX_PROBLEM: Final = 500


class Asked(NamedTuple):
    """One question to a venue: of which account, for what, and when it was sent and answered."""

    account: str
    venue: str
    what: Question
    at: datetime
    answered_at: datetime


def answer_event(
    asked: Asked,
    *,
    amounts: Sequence[HeldAmount] = (),
    complete: bool = False,
    trades: int = 0,
    problem: str | None = None,
) -> NewEvent:
    """Return the event of an answer, or of a problem; one that is larger than a document may be is a problem."""
    asked_us, answered_us = microseconds(asked.at), max(microseconds(asked.answered_at), microseconds(asked.at))
    content: dict[str, object] = {
        "account": asked.account,
        "venue": asked.venue,
        "what": asked.what,
        "asked_us": asked_us,
        "answered_us": answered_us,
        # The venue looked at some moment between: midway is off by half of the time at most.
        "at_us": (asked_us + answered_us) // 2,
        "complete": complete,
    }
    told = {"amounts": [{"unit": held.unit, "amount": plain(held.amount)} for held in amounts], "trades": trades}
    payload = msgspec.json.encode(content | (told if problem is None else {"problem": problem[:MAX_PROBLEM]}))
    if len(payload) > MAX_DOCUMENT_BYTES:
        return answer_event(asked, problem=f"its answer is larger than {MAX_DOCUMENT_BYTES} bytes")
    return NewEvent(VENUE_ANSWER, payload, asked.answered_at, asked.account)


def trade_event(asked: Asked, trade: ToldTrade) -> NewEvent:
    """Return the event of a trade: a fact that the venue told, so one person is enough to bear it out."""
    numbers = {"quantity": trade.quantity, "price": trade.price, "cash": trade.cash, "fee": trade.fee}
    texts = {
        "order_id": trade.order_id,
        "base": trade.base,
        "quote": trade.quote,
        "fee_asset": trade.fee_asset,
    }
    content: dict[str, object] = {
        "fact": TRADE,
        "account": asked.account,
        "external_id": f"{asked.venue}:{trade.symbol}:{trade.id}",
        "occurred_at": trade.at.isoformat(),
        "step_us": STEP_US,
        "by": {"login": f"venue {asked.venue}", "authenticated": True},
        "source": asked.venue,
        "source_class": VENUE,
        "statement": f"venue {asked.venue}",
        "symbol": trade.symbol,
        "side": trade.side,
        "trade_id": trade.id,
        **{name: plain(number) for name, number in numbers.items() if number is not None},
        **{name: text for name, text in texts.items() if text is not None},
    }
    return NewEvent(VENUE_TRADE, msgspec.json.encode(content), asked.answered_at, asked.account)
