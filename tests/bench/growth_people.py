"""Loads of what people tell and decide: facts of the same content, facts that wait, approvals, acceptances."""

from __future__ import annotations

from decimal import Decimal

from recon.ledger.facts.external_fact import parse_fact
from recon.ledger.facts.waiting import content_digest, facts_digest
from recon.log import events
from recon.projection.fold import VERSION
from recon.projection.refusals import Refusal, encode_refusal
from recon.reconciliation.breaks.decisions import MAX_FACTS, joint_digest, proposal_digest
from tests.bench.growth_loads import ACCOUNT, BY, Feed, balance, load, order, symbol

#: So small a value of a coin that nothing becomes material.
RATE = "0.0000001"
#: Who approves what another person proposed or told.
SECOND = {"login": "bob", "authenticated": True, "name": None}


def _open(feed: Feed, *, rate: str | None = RATE) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    for _ in range(2):
        feed.frame("BALANCE_SNAPSHOT", [balance(code, 10, rate_usd=rate) for code in ("BTC", "USDT")])
        feed.wait(30)


def _trade(feed: Feed, number: int, **more: object) -> None:
    document = {
        "by": BY,
        "fact": "trade",
        "account": ACCOUNT,
        "external_id": f"t{number}",
        "occurred_at": feed.now(),
        "source": "statement",
        "symbol": "BTC/USDT",
        "side": "BUY",
        "quantity": "1",
        "price": "100",
    }
    feed.event(events.FACT, document | more, account=ACCOUNT)


@load()
def trades_of_one_content(feed: Feed, rows: int) -> None:
    """Fills that are equal in all but their order, and a trade without order id of each."""
    _open(feed)
    feed.begin(rows)
    feed.frame("ORDER_EXEC_REPORT_UPDATE", [order(feed, f"o{i}", filled=1) for i in range(rows)])
    for i in range(rows):
        _trade(feed, i)


@load()
def trades_of_one_order(feed: Feed, rows: int) -> None:
    """One order of equal fills, and a trade of each, without its id."""
    _open(feed)
    feed.begin(rows)
    fills = [{"time": feed.now(), "price": 100, "amount": 1} for _ in range(rows)]
    feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, "o1", filled=rows, fills=fills))
    for i in range(rows):
        _trade(feed, i)


@load()
def facts_of_one_amount(feed: Feed, rows: int) -> None:
    """A statement of movements that a person has told before, all of one amount."""
    _open(feed)
    for i in range(rows):
        feed.fact(i, "BTC", "1", manual=True)
    feed.begin(rows)
    for i in range(rows):
        feed.fact(i, "BTC", "1")


@load()
def facts_told_twice(feed: Feed, rows: int) -> None:
    """In one batch what a person tells, and the statement of it."""
    _open(feed)
    feed.begin(rows)
    for i in range(rows):
        feed.fact(i, "BTC", f"{i // 4 + 1}", manual=True)
        feed.fact(i, "BTC", f"{i // 4 + 1}")


@load()
def facts_that_wait(feed: Feed, rows: int) -> None:
    """Material facts, and the approvals of a second person."""
    _open(feed, rate=None)
    feed.begin(rows)
    first = len(feed.events)
    for i in range(rows):
        feed.fact(i, "BTC", f"{i + 1}", manual=True)
    told = [(each.seq, content_digest(parse_fact(each.payload))) for each in feed.events[first:]]
    for start in range(0, rows, MAX_FACTS):
        some = told[start : start + MAX_FACTS]
        document = {"by": SECOND, "action": "approve_facts", "facts": [seq for seq, _ in some]}
        feed.event(events.DECISION, document | {"digest": facts_digest(some)}, account=ACCOUNT)


def _breaks(feed: Feed, rows: int) -> list[str]:
    """Open a break of -1 in each of many units; return their ids."""
    feed.connect()
    for amount in (10, 10, 9):
        feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", amount, rate_usd=RATE) for i in range(rows)])
        feed.wait(30 if amount == 10 else 70)
    return sorted(known.id for breaks in feed.breaks().values() for known in breaks)


def _propose(feed: Feed, breaks: list[str]) -> list[str]:
    """Propose an entry for each break; return the digests."""
    for known in breaks:
        feed.decision("propose", [known], cause="withdrawal", entry="-1")
    return [proposal_digest(known, "withdrawal", Decimal(-1), ()) for known in breaks]


@load(share=8)
def approvals_one_by_one(feed: Feed, rows: int) -> None:
    breaks = _breaks(feed, rows)
    feed.begin(rows)
    for known, digest in zip(breaks, _propose(feed, breaks), strict=True):
        feed.decision("approve", [known], by=SECOND, digest=digest)


@load(share=8)
def approvals_at_once(feed: Feed, rows: int) -> None:
    breaks = _breaks(feed, rows)
    feed.begin(rows)
    feed.decision("approve", breaks, by=SECOND, digest=joint_digest(_propose(feed, breaks)))


@load(share=8)
def acceptances_that_end(feed: Feed, rows: int) -> None:
    """Breaks accepted until moments that all differ, and come."""
    breaks = _breaks(feed, rows)
    feed.begin(rows)
    for number, known in enumerate(breaks):
        feed.decision("accept", [known], until=feed.now(2_000_000 + number * 1000))
    for number in range(rows):
        feed.event(events.TICK, {"heartbeats": {}}, after_us=1000 if number else 2_000_000)


@load()
def refused_events(feed: Feed, rows: int) -> None:
    """Events that the fold leaves out, and their refusals after them all."""
    feed.connect()
    feed.begin(rows)
    first = len(feed.events) + 1
    for i in range(rows):
        feed.row("BALANCE_UPDATE", balance(f"C{i}"))
    for seq in range(first, first + rows):
        feed.event(events.EVENT_REFUSED, encode_refusal(Refusal(seq, VERSION, "it cannot be folded")))
