"""The working set of one edition: loaded from its tables, folded into, written back. Synchronous, on a Connection."""

from __future__ import annotations

from itertools import islice
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ems.protocol.messages import OrderReports, Symbols
from recon.exact import exact
from recon.ledger import rules as rules_
from recon.ledger.changes import Finding, LedgerChanges
from recon.ledger.facts.index import FactIndex
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rule_changes import parse_proposed
from recon.ledger.rules import Rules
from recon.log import events
from recon.projection.fold import VERSION, DecodedEvent, Fold
from recon.projection.prefetch import facts_of, prefetch_entries, prefetch_facts, prefetch_waiting
from recon.projection.refusals import Refusals
from recon.projection.store import comparisons as comparison_store
from recon.projection.store import ledger as ledger_store
from recon.projection.store import sources as source_store
from recon.projection.store.facts import OrderIds
from recon.projection.store.orders import load_open_orders, load_orders
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.reconciler import Reconciler
from recon.times import microseconds

#: Orders kept in memory between batches; older ones are loaded again when a report names them.
MAX_ORDERS: Final = 5_000

_pack: Final = msgspec.msgpack.Encoder().encode
_clock: Final = msgspec.msgpack.Decoder(LedgerClock).decode


class WorkingSet:
    """One edition of a gateway in memory, at one log position.

    Valid only as long as nobody else has folded into the edition: whoever holds the checkpoint's lock compares `seq`.
    """

    def __init__(self, edition: int, seq: int, fold: Fold) -> None:
        """Begin at a log position of an edition."""
        self.edition = edition
        self.seq = seq
        #: The transaction of the last save; empty before the first.
        self.written_by = ""
        self.fold = fold
        #: The refusals of events beyond this log position.
        self.refusals = Refusals(VERSION, seq)
        #: True if every order of the edition is in memory: then no order needs to be loaded.
        self.complete = seq == 0
        #: What the last save found in the data.
        self.findings: list[Finding] = []

    @property
    def ledger(self) -> Ledger:
        """Return the ledger."""
        return self.fold.ledger

    @property
    def reconciler(self) -> Reconciler:
        """Return the reconciler."""
        return self.fold.reconciler

    def prepare(self, connection: Connection, reads: list[DecodedEvent]) -> None:
        """Load the orders that these events may touch, and what their external facts may match."""
        book = self.ledger
        facts = prefetch_waiting(connection, book, self.edition, facts_of(reads), reads)
        self._prepare_orders(connection, reads, prefetch_facts(connection, book, self.edition, facts))
        prefetch_entries(connection, book, self.edition, facts, reads)
        due = self.reconciler.sources.due_by(microseconds(reads[-1].event.recorded_at)) if reads else []
        source_store.prefetch_later(connection, book, self.edition, facts, due)

    def _prepare_orders(self, connection: Connection, reads: list[DecodedEvent], trades: OrderIds) -> None:
        book = self.ledger
        clients = {key for key in trades.client if key not in book.by_client}
        exchanges = {key for key in trades.exchange if key not in book.by_exchange}
        whole: set[str] = set()
        for item in reads:
            for message in item.messages:
                if isinstance(message, OrderReports):
                    _name_orders(book, message, whole, clients, exchanges)
                elif isinstance(message, Symbols):
                    whole.update(
                        name for name, account in book.accounts.items() if account.mappings.fills_awaiting_instrument
                    )
            if item.event.kind == events.DECISION and item.event.account is not None:
                # An order that a person settles is open still, however long ago it was seen.
                whole.add(item.event.account)
        if self.complete:
            return
        for name in sorted(whole):
            load_open_orders(connection, book, self.edition, name)
        load_orders(connection, book, self.edition, client_ids=sorted(clients), exchange_ids=sorted(exchanges))

    def save(self, connection: Connection, seq: int) -> list[Transition]:
        """Write the changes up to a log position, and return the transitions among them."""
        book, engine = self.ledger, self.reconciler
        changes, book.changes, book.fact_index = book.changes, LedgerChanges(), FactIndex()
        self.findings = changes.findings
        stored = engine.store()
        changed, engine.changed = engine.changed, {}
        transitions, engine.transitions = engine.transitions, []
        judged, engine.judged = engine.judged, []
        for key, state in changes.units.items():
            changed.setdefault(key, state)
        with exact():
            ledger_store.save(connection, book, self.edition, changes)
            comparison_store.save(connection, engine, self.edition, changed.values(), transitions, stored, judged)
            source_store.save(connection, engine.sources, book, self.edition, changes.accounts.values())
        with cursor_of(connection) as cursor:
            cursor.execute(
                "UPDATE recon_store.editions SET seq = %s, clock = %s WHERE gateway = %s AND edition = %s"
                " RETURNING xmin::text",
                (seq, _pack(book.clock), book.gateway, self.edition),
            )
            self.written_by = "".join(*cursor)
        self.seq = seq
        self.refusals.forget_until(seq)
        self._forget_orders()
        return transitions

    def _forget_orders(self) -> None:
        """Keep at most MAX_ORDERS orders; those that share an id go together."""
        book = self.ledger
        excess = len(book.orders) - MAX_ORDERS
        if excess <= 0:
            return
        for order in list(islice(book.orders.values(), excess + MAX_ORDERS // 10)):
            if (order.account, order.key) in book.orders:
                for related in book.related_orders(order):
                    book.forget_order(related)
        self.complete = False


def _name_orders(
    ledger: Ledger,
    message: OrderReports,
    whole: set[str],
    clients: set[tuple[str, str]],
    exchanges: set[tuple[str, str]],
) -> None:
    """Collect the ids of orders in a message that are not in memory, and the account of a complete one."""
    if (message.complete or message.nothing) and message.account is not None:
        whole.add(message.account)
    for row in message.rows:
        account = row.account or message.account
        if account is None:
            continue
        if row.client_order_id is not None and (account, row.client_order_id) not in ledger.by_client:
            clients.add((account, row.client_order_id))
        if row.exchange_order_id is not None and (account, row.exchange_order_id) not in ledger.by_exchange:
            exchanges.add((account, row.exchange_order_id))


def load(connection: Connection, gateway: str, edition: int, *, seq: int, clock: bytes) -> WorkingSet:
    """Load an edition's working set as of its checkpoint."""
    ledger = Ledger(gateway, _clock(clock) if clock else LedgerClock(), Rules())
    _load_rules(connection, ledger)
    comparisons = comparison_store.load(connection, gateway, edition)
    ledger_store.load(connection, ledger, edition)
    engine = Reconciler(ledger)
    engine.restore(comparisons, comparison_store.load_trellises(connection, gateway, edition))
    source_store.load(connection, engine.sources, gateway, edition)
    return WorkingSet(edition, seq, Fold(ledger, engine))


def _load_rules(connection: Connection, ledger: Ledger) -> None:
    """Load the rules in force, and the proposed ones, from their events."""
    clock = ledger.clock
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT seq, payload FROM recon_store.log_events WHERE gateway = %s AND seq = ANY(%s::bigint[])",
            (ledger.gateway, [clock.rules_seq, clock.proposed_rules_seq]),
        )
        payloads: dict[int, bytes] = dict(cursor)
    if clock.rules_seq:
        ledger.rules = rules_.parse_rules(payloads[clock.rules_seq])
    if clock.proposed_rules_seq:
        ledger.proposed_rules = parse_proposed(payloads[clock.proposed_rules_seq], clock.proposed_rules_seq)
