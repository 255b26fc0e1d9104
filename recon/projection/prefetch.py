"""What external facts may match, loaded before a batch with facts is folded. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from recon.ems.protocol.messages import OrderReports
from recon.errors import DocumentRefused
from recon.exact import ZERO
from recon.ledger.facts.external_fact import TRADE, ExternalFact, parse_fact
from recon.ledger.facts.venue_answer import parse_answer, parse_trade
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.log import events
from recon.log.events import Event
from recon.projection.fold import DecodedEvent
from recon.projection.store import facts as facts_store
from recon.projection.store import waiting_facts
from recon.projection.store.facts import OrderIds
from recon.reconciliation.breaks.decisions import parse_decision


def facts_of(reads: list[DecodedEvent]) -> list[ExternalFact]:
    """Return the readable facts among events; the fold notes the others as findings."""
    found: list[ExternalFact] = []
    for item in reads:
        if item.event.readable:
            try:
                found += _facts_in(item.event)
            except DocumentRefused:
                continue
    return found


def _facts_in(event: Event) -> Iterator[ExternalFact]:
    """Yield what an event tells. Of an answer of a venue only when and of what: its units are looked up in the fold."""
    if event.kind == events.FACT:
        yield parse_fact(event.payload)
    elif event.kind == events.VENUE_TRADE:
        yield parse_trade(event.payload)
    elif event.kind == events.VENUE_ANSWER:
        answer = parse_answer(event.payload)
        if answer.holds:
            yield answer.held("", ZERO, f"answer:{event.seq}")


def prefetch_waiting(
    connection: Connection, ledger: Ledger, edition: int, facts: list[ExternalFact], reads: list[DecodedEvent]
) -> list[ExternalFact]:
    """Load the waiting facts that the batch may decide on; return all facts that may take effect in it."""
    named = [seq for item in reads if item.event.kind == events.DECISION for seq in _facts_decided(item)]
    return [*facts, *waiting_facts.load(connection, ledger, edition, facts, named)]


def _facts_decided(item: DecodedEvent) -> tuple[int, ...]:
    try:
        return parse_decision(item.event.payload).facts
    except DocumentRefused:
        return ()


def prefetch_facts(connection: Connection, ledger: Ledger, edition: int, facts: list[ExternalFact]) -> OrderIds:
    """Load what facts may match: recorded facts, replaceable entries; return the ids of orders that trades name."""
    return facts_store.load(connection, ledger, edition, facts) if facts else OrderIds(set(), set())


def prefetch_entries(
    connection: Connection, ledger: Ledger, edition: int, facts: list[ExternalFact], reads: list[DecodedEvent]
) -> None:
    """Load the entries of loaded orders that trades of a batch may replace.

    An id that an order gets within the batch counts too, so every order that the batch names is asked for.
    """
    if any(fact.fact == TRADE or fact.of_trade for fact in facts):
        orders = {(order.account, order.key) for order in _named(ledger, facts, reads)}
        facts_store.load_entries_of_orders(connection, ledger, edition, orders)


def _named(ledger: Ledger, facts: list[ExternalFact], reads: list[DecodedEvent]) -> Iterator[Order]:
    for account, known in _ids(facts, reads):
        yield from ledger.by_client.get((account, known), ())
        yield from ledger.by_exchange.get((account, known), ())
    for fill in ledger.fact_index.fills:
        if (fill.account, fill.order) in ledger.orders:
            yield ledger.orders[fill.account, fill.order]


def _ids(facts: list[ExternalFact], reads: list[DecodedEvent]) -> Iterator[tuple[str, str]]:
    for fact in facts:
        if fact.order_id is not None:
            yield fact.account, fact.order_id
    for item in reads:
        message = None if item.decoded is None else item.decoded.message
        if isinstance(message, OrderReports):
            for row in message.rows:
                account = row.account or message.account
                for known in (row.client_order_id, row.exchange_order_id):
                    if account is not None and known is not None:
                        yield account, known
