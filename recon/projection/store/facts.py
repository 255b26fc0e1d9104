"""Loading what the facts of a batch may match. Synchronous, on a Connection.

The rows loaded are a superset of those that a fact may match by the rules of `recon.ledger.facts`. They depend
on the facts alone, so the fold decides alike however the log is cut into batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from psycopg.rows import TupleRow
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.exact import ONE, ZERO, exact
from recon.ledger.facts.external_fact import MANUAL, TRADE, ExternalFact, amounts_of, is_manual, movements_of
from recon.ledger.facts.matching import MANUAL_WITHIN_US, REPLACED_SHARE, MatchableFill, time_bound_of
from recon.ledger.ledger import Ledger
from recon.ledger.told_ahead import TRADED_WITHIN_US
from recon.ledger.units import Entry
from recon.projection.store.entry_search import EntrySearch, joined
from recon.projection.store.folded_table import EditionKey
from recon.projection.store.orders import OF_ID
from recon.reconciliation.causes.registry import replaceable_causes

_RECORDED_FACTS: Final = """
SELECT k.account, k.id, f.digest FROM unnest(%s::text[], %s::text[]) AS k(account, id)
CROSS JOIN LATERAL (
    SELECT t.digest FROM recon_store.facts AS t
    WHERE t.gateway = %s AND t.edition = %s AND t.account = k.account AND t.external_id = k.id OFFSET 0
) AS f
"""

_SELECT_ENTRIES: Final = """
SELECT DISTINCT e.account, e.unit_kind, e.unit, e.entry_no, e.seq, e.clock,
       (extract(epoch FROM e.occurred_at) * 1000000)::bigint, (extract(epoch FROM e.recorded_at) * 1000000)::bigint,
       e.cause, e.certainty, e.amount::text, e.order_key, e.ordinal, e.break_id, e.replaces, e.fact
"""
# Entries that nothing has replaced yet; the partial indexes have the same predicates. Edition and account are hidden
# from the planner: without statistics it would take the primary key, and read every entry of the account.
_NOT_REPLACED: Final = """
      AND NOT EXISTS (
          SELECT FROM recon_store.entries AS r
          WHERE r.gateway = t.gateway AND r.edition = t.edition AND r.account = t.account
            AND r.unit_kind = t.unit_kind AND r.unit = t.unit AND r.replaces = t.entry_no)
    OFFSET 0
) AS e
"""
_REPLACEABLE: Final = f"""
      AND (t.certainty = 'inferred' OR t.break_id IS NOT NULL) AND t.replaces IS NULL AND t.fact IS NULL
{_NOT_REPLACED}"""
# Entries of facts that people recorded without a statement's id. Entries that only reverse another one, of the opposite
# sign, are left out.
_OF_MANUAL_FACTS: Final = f"""
      AND t.fact LIKE '{MANUAL}%%' AND NOT EXISTS (
          SELECT FROM recon_store.entries AS o
          WHERE o.gateway = t.gateway AND o.edition = t.edition AND o.account = t.account
            AND o.unit_kind = t.unit_kind AND o.unit = t.unit AND o.entry_no = t.replaces
            AND sign(o.amount) <> sign(t.amount))
{_NOT_REPLACED}"""
_ENTRIES_BY_AMOUNT: Final = f"""{_SELECT_ENTRIES}
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
     AS k(account, cause, low, high, first, last)
CROSS JOIN LATERAL (
    SELECT * FROM recon_store.entries AS t
    WHERE t.cause = k.cause AND t.gateway = %s AND t.edition + 0 = %s AND t.account || '' = k.account
      AND t.occurred_at BETWEEN 'epoch'::timestamptz + k.first * interval '1 microsecond'
                            AND 'epoch'::timestamptz + k.last * interval '1 microsecond'
      AND t.amount BETWEEN k.low::numeric AND k.high::numeric
"""  # noqa: S608 - the fragments above
_ENTRIES_BY_ORDER: Final = f"""{_SELECT_ENTRIES}
FROM unnest(%s::text[], %s::text[]) AS k(account, key)
CROSS JOIN LATERAL (
    SELECT * FROM recon_store.entries AS t
    WHERE t.order_key = k.key AND t.gateway = %s AND t.edition + 0 = %s AND t.account || '' = k.account
{_REPLACEABLE}"""  # noqa: S608

# One pass over the fills of the time that the trades span, for all trades together. `IS TRUE` keeps the test from
# becoming a join: a hash is looked up for each fill, with statistics and without. Times count in steps of the bound.
# Symbols and amounts are left out: statements spell symbols their own way, and tell parts and sums of fills.
_FILLS: Final = """
SELECT t.account, t.order_key, t.ordinal, t.symbol, t.side, t.amount::text, t.us, o.client_order_id, o.exchange_order_id
FROM (
    SELECT f.*, (extract(epoch FROM f.filled_at) * 1000000)::bigint AS us FROM recon_store.fills AS f
    WHERE f.gateway = %(gateway)s AND f.edition = %(edition)s
      AND f.filled_at BETWEEN 'epoch'::timestamptz + (%(first)s - %(within)s) * interval '1 microsecond'
                          AND 'epoch'::timestamptz + (%(last)s + %(within)s) * interval '1 microsecond'
    OFFSET 0
) AS t CROSS JOIN LATERAL (
    SELECT p.client_order_id, p.exchange_order_id FROM recon_store.orders AS p
    WHERE (p.gateway, p.edition, p.account, p.order_key) = (t.gateway, t.edition, t.account, t.order_key) OFFSET 0
) AS o
WHERE ((t.account, t.us / %(within)s) IN (
    SELECT k.account, k.us / %(within)s + near.step
    FROM unnest(%(accounts)s::text[], %(times)s::bigint[], %(steps)s::bigint[]) AS k(account, us, step),
         generate_series(-1, k.step / %(within)s + 1) AS near(step)
)) IS TRUE
"""

# An order is always loaded under both its ids, so that all generations of a client id are in memory, or none.
_ORDERS: Final = f"""
SELECT o.account, o.client_order_id, o.exchange_order_id
FROM unnest(%(accounts)s::text[], %(ids)s::text[]) AS k(account, id) CROSS JOIN LATERAL (
    SELECT t.account, t.client_order_id, t.exchange_order_id FROM recon_store.orders AS t
    WHERE t.gateway = %(gateway)s AND {OF_ID["exchange_order_id"]}
    UNION
    SELECT t.account, t.client_order_id, t.exchange_order_id FROM recon_store.orders AS t
    WHERE t.gateway = %(gateway)s AND {OF_ID["client_order_id"]}
    OFFSET 0
) AS o
"""  # noqa: S608 - conditions of our own


class OrderIds(NamedTuple):
    """The ids, each with its account, of the orders that the trades of a batch may belong to."""

    client: set[tuple[str, str]]
    exchange: set[tuple[str, str]]

    def add(self, account: str, client: str | None, exchange: str | None) -> None:
        """Add the ids that an order has."""
        if client is not None:
            self.client.add((account, client))
        if exchange is not None:
            self.exchange.add((account, exchange))


def load(connection: Connection, ledger: Ledger, edition: int, facts: Sequence[ExternalFact]) -> OrderIds:
    """Load which facts are recorded already, the entries that facts may replace, and the fills that trades may match.

    Return the ids of the stored orders that the trades may belong to; the caller loads those orders.
    """
    key = EditionKey(ledger.gateway, edition)
    ids = sorted({(account, fact.external_id) for fact in facts for account in _accounts(fact)})
    with cursor_of(connection) as cursor:
        cursor.execute(_RECORDED_FACTS, (*_columns(ids), *key))
        for account, external_id, digest in cursor:
            ledger.fact_index.facts[account, external_id] = digest
        for which, searches in ((_REPLACEABLE, _inferred(facts)), (_OF_MANUAL_FACTS, _recorded_manually(facts))):
            if searches:
                columns = _columns(
                    (each.account, each.cause, str(each.low), str(each.high), each.first_us, each.last_us)
                    for each in joined(searches)
                )
                cursor.execute(_ENTRIES_BY_AMOUNT + which, (*columns, *key))
                _add_entries(ledger, cursor)
    trades = [fact for fact in facts if fact.fact == TRADE]
    order_ids = OrderIds(set(), set())
    _load_orders_of(connection, key, [trade for trade in trades if trade.order_id is not None], order_ids)
    loose = [fact for fact in facts if fact.of_trade or (fact.fact == TRADE and fact.order_id is None)]
    _load_fills_of(connection, ledger, key, loose, order_ids)
    return order_ids


def load_entries_of_orders(
    connection: Connection, ledger: Ledger, edition: int, orders: Collection[tuple[str, str]]
) -> None:
    """Load the entries of orders (account, key) that the trades of these orders may replace."""
    if not orders:
        return
    with cursor_of(connection) as cursor:
        cursor.execute(_ENTRIES_BY_ORDER, (*_columns(sorted(orders)), ledger.gateway, edition))
        _add_entries(ledger, cursor)


def _load_orders_of(
    connection: Connection, key: EditionKey, trades: Sequence[ExternalFact], order_ids: OrderIds
) -> None:
    """Add the ids of the orders that trades name."""
    if not trades:
        return
    accounts, ids = _columns(sorted({(trade.account, str(trade.order_id)) for trade in trades}))
    with cursor_of(connection) as cursor:
        cursor.execute(_ORDERS, {"accounts": accounts, "ids": ids, "gateway": key.gateway, "edition": key.edition})
        for account, client, exchange in cursor:
            order_ids.add(account, client, exchange)


def _load_fills_of(
    connection: Connection, ledger: Ledger, key: EditionKey, trades: Sequence[ExternalFact], order_ids: OrderIds
) -> None:
    """Load the fills that trades without an order id, and fees, may belong to; add the ids of their orders."""
    if not trades:
        return
    times = [trade.occurred_us for trade in trades]
    arguments = {
        "gateway": key.gateway,
        "edition": key.edition,
        "first": min(times),
        "last": max(trade.occurred_us + trade.step_us for trade in trades),
        "within": TRADED_WITHIN_US,
        "accounts": [trade.account for trade in trades],
        "times": times,
        "steps": [trade.step_us for trade in trades],
    }
    with cursor_of(connection) as cursor:
        cursor.execute(_FILLS, arguments)
        for account, order, ordinal, symbol, side, amount, us, client, exchange in cursor:
            fill = MatchableFill(account, order, ordinal, symbol, side, Decimal(amount), us)
            ledger.fact_index.add_fill(fill)
            order_ids.add(account, client, exchange)


def _columns(rows: Iterable[Sequence[str | int]]) -> list[list[str | int]]:
    """Return rows as one list a column, as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)]


def _accounts(fact: ExternalFact) -> list[str]:
    return [fact.account] if fact.counter_account is None else [fact.account, fact.counter_account]


def _inferred(facts: Sequence[ExternalFact]) -> list[EntrySearch]:
    """Return searches for the inferred or decided entries that facts may replace."""
    return [
        search
        for fact in facts
        for account, cause, amount in amounts_of(fact)
        for search in _searches(
            account, sorted(replaceable_causes(cause)), amount, fact.occurred_us, time_bound_of(cause)
        )
    ]


def _recorded_manually(facts: Sequence[ExternalFact]) -> list[EntrySearch]:
    """Return searches for the entries of manual facts that statements' facts may replace."""
    return [
        search
        for fact in facts
        if not is_manual(fact.external_id)
        for movement in movements_of(fact)
        for search in _searches(movement.account, [movement.cause], movement.amount, fact.occurred_us, MANUAL_WITHIN_US)
    ]


def _searches(account: str, causes: Iterable[str], amount: Decimal, us: int, within_us: int) -> list[EntrySearch]:
    with exact():
        low, high = sorted((amount * (ONE - REPLACED_SHARE), amount * (ONE + REPLACED_SHARE)))
    return [EntrySearch(account, cause, low, high, us - within_us, us + within_us) for cause in causes]


def _add_entries(ledger: Ledger, rows: Iterable[TupleRow]) -> None:
    for account, kind, unit, number, seq, clock, us, recorded_us, cause, certainty, amount, *references in rows:
        order, ordinal, break_id, replaces, fact = references
        entry = Entry(
            account=account,
            kind=kind,
            unit=unit,
            number=number,
            seq=seq,
            clock=clock,
            occurred_us=us,
            recorded_us=recorded_us,
            cause=cause,
            certainty=certainty,
            amount=Decimal(amount),
            running=ZERO,
            order=order,
            ordinal=ordinal,
            break_id=break_id,
            replaces=replaces,
            fact=fact,
        )
        ledger.fact_index.add(entry)
