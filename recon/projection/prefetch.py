"""What facts from outside are held against: loaded before a batch that holds some is folded. Synchronous."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from recon.ems.protocol.messages import OrderReports
from recon.ledger.external_facts import TRADE, Fact, parse
from recon.ledger.ledger import Book
from recon.ledger.orders import Order
from recon.log import events
from recon.projection.fold import Read
from recon.projection.store import facts as facts_store
from recon.projection.store.facts import OrderIds


def facts_of(reads: list[Read]) -> list[Fact]:
    """Return the facts among events, as far as they can be read; the fold finds the others."""
    found: list[Fact] = []
    for item in reads:
        if item.event.kind == events.FACT:
            try:
                found.append(parse(item.event.payload))
            except (msgspec.DecodeError, msgspec.ValidationError):
                continue
    return found


def recall(connection: Connection, book: Book, edition: int, facts: list[Fact]) -> OrderIds:
    """Load what is known of facts and what they may make surer; return the orders that their trades may be of."""
    return facts_store.load(connection, book, edition, facts) if facts else OrderIds(set(), set())


def recall_entries(connection: Connection, book: Book, edition: int, facts: list[Fact], reads: list[Read]) -> None:
    """Load the entries of orders at hand that trades of a batch may make surer.

    An id that an order gets within the batch counts too, so every order that the batch names is asked for.
    """
    if any(fact.fact == TRADE for fact in facts):
        orders = {(order.account, order.key) for order in _named(book, facts, reads)}
        facts_store.load_of_orders(connection, book, edition, orders)


def _named(book: Book, facts: list[Fact], reads: list[Read]) -> Iterator[Order]:
    for account, known in _ids(facts, reads):
        yield from book.by_client.get((account, known), [])
        if (account, known) in book.by_exchange:
            yield book.by_exchange[account, known]
    for fill in book.outside.fills:
        if (fill.account, fill.order) in book.orders:
            yield book.orders[fill.account, fill.order]


def _ids(facts: list[Fact], reads: list[Read]) -> Iterator[tuple[str, str]]:
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
