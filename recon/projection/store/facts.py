"""Loading what a batch's facts are held against, and writing the facts taken. Synchronous, on a Connection.

What is loaded is a superset of what a fact may match by the rules of `recon.ledger.external_facts`, and depends on
nothing but the facts themselves: so the fold decides alike however the log is cut into batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from psycopg.rows import TupleRow
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.exact import ONE, ZERO, exact
from recon.ledger.external_facts import (
    MANUAL,
    MANUAL_WITHIN_US,
    REPLACED_SHARE,
    TRADE,
    TRADED_WITHIN_US,
    ExternalFact,
    MatchableFill,
    amounts_of,
    is_manual,
    movements_of,
    time_bound_of,
)
from recon.ledger.ledger import Ledger
from recon.ledger.timeline import CERTAIN
from recon.ledger.units import Entry
from recon.reconciliation.causes.registry import replaceable_causes

_KNOWN: Final = """
SELECT k.account, k.id, f.digest FROM unnest(%s::text[], %s::text[]) AS k(account, id)
CROSS JOIN LATERAL (
    SELECT t.digest FROM recon_store.facts AS t
    WHERE t.gateway = %s AND t.edition = %s AND t.account = k.account AND t.external_id = k.id OFFSET 0
) AS f
"""

_ENTRY: Final = """
SELECT DISTINCT e.account, e.unit_kind, e.unit, e.entry_no, e.seq, e.clock,
       (extract(epoch FROM e.occurred_at) * 1000000)::bigint, (extract(epoch FROM e.recorded_at) * 1000000)::bigint,
       e.cause, e.certainty, e.amount::text, e.order_key, e.ordinal, e.break_id, e.replaces, e.fact
"""
# What no fact has made surer yet; the partial indexes have the same predicates. Edition and account are hidden from the
# planner: without statistics it would take the primary key, and read every entry of the account.
_STANDING: Final = """
      AND NOT EXISTS (
          SELECT FROM recon_store.entries AS r
          WHERE r.gateway = t.gateway AND r.edition = t.edition AND r.account = t.account
            AND r.unit_kind = t.unit_kind AND r.unit = t.unit AND r.replaces = t.entry_no)
    OFFSET 0
) AS e
"""
_REPLACEABLE: Final = f"""
      AND (t.certainty = 'inferred' OR t.break_id IS NOT NULL) AND t.replaces IS NULL AND t.fact IS NULL
{_STANDING}"""
# What was told by hand; what it took back is the opposite of what it stands in for.
_TOLD: Final = f"""
      AND t.fact LIKE '{MANUAL}%%' AND NOT EXISTS (
          SELECT FROM recon_store.entries AS o
          WHERE o.gateway = t.gateway AND o.edition = t.edition AND o.account = t.account
            AND o.unit_kind = t.unit_kind AND o.unit = t.unit AND o.entry_no = t.replaces
            AND sign(o.amount) <> sign(t.amount))
{_STANDING}"""
_BY_AMOUNT: Final = f"""{_ENTRY}
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
     AS k(account, cause, low, high, us, within)
CROSS JOIN LATERAL (
    SELECT * FROM recon_store.entries AS t
    WHERE t.cause = k.cause AND t.gateway = %s AND t.edition + 0 = %s AND t.account || '' = k.account
      AND t.occurred_at BETWEEN 'epoch'::timestamptz + (k.us - k.within) * interval '1 microsecond'
                            AND 'epoch'::timestamptz + (k.us + k.within) * interval '1 microsecond'
      AND t.amount BETWEEN k.low::numeric AND k.high::numeric
"""  # noqa: S608 - the fragments above
_BY_ORDER: Final = f"""{_ENTRY}
FROM unnest(%s::text[], %s::text[]) AS k(account, key)
CROSS JOIN LATERAL (
    SELECT * FROM recon_store.entries AS t
    WHERE t.order_key = k.key AND t.gateway = %s AND t.edition + 0 = %s AND t.account || '' = k.account
{_REPLACEABLE}"""  # noqa: S608

# One pass over the fills of the time that the trades span: they are looked for together, not each by itself.
_FILLS: Final = """
SELECT t.account, t.order_key, t.ordinal, t.symbol, t.side, t.amount::text,
       (extract(epoch FROM t.filled_at) * 1000000)::bigint, o.client_order_id, o.exchange_order_id
FROM recon_store.fills AS t JOIN recon_store.orders AS o USING (gateway, edition, account, order_key)
WHERE t.gateway = %s AND t.edition = %s
  AND t.filled_at BETWEEN 'epoch'::timestamptz + (%s - %s) * interval '1 microsecond'
                      AND 'epoch'::timestamptz + (%s + %s) * interval '1 microsecond'
  AND EXISTS (
      SELECT FROM unnest(%s::text[], %s::text[], %s::text[], %s::numeric[], %s::bigint[])
             AS k(account, symbol, side, amount, us)
      WHERE k.account = t.account AND k.symbol = t.symbol AND k.side = t.side AND k.amount = t.amount
        AND t.filled_at BETWEEN 'epoch'::timestamptz + (k.us - %s) * interval '1 microsecond'
                            AND 'epoch'::timestamptz + (k.us + %s) * interval '1 microsecond')
"""

# An order is always loaded under both its ids, so that all generations of a client id are at hand, or none.
_ORDERS: Final = """
SELECT o.account, o.client_order_id, o.exchange_order_id
FROM unnest(%s::text[], %s::text[]) AS k(account, id) CROSS JOIN LATERAL (
    SELECT t.account, t.client_order_id, t.exchange_order_id FROM recon_store.orders AS t
    WHERE t.exchange_order_id = k.id AND t.gateway = %s AND t.edition = %s AND t.account = k.account
    UNION
    SELECT t.account, t.client_order_id, t.exchange_order_id FROM recon_store.orders AS t
    WHERE t.client_order_id = k.id AND t.gateway = %s AND t.edition = %s AND t.account = k.account
    OFFSET 0
) AS o
"""


class Near(NamedTuple):
    """What is looked for among entries: a cause, from the smallest to the largest amount, how far from a time."""

    account: str
    cause: str
    low: str
    high: str
    us: int
    within_us: int


class OrderIds(NamedTuple):
    """Ids, each with its account, of the orders that a batch's trades may be of."""

    client: set[tuple[str, str]]
    exchange: set[tuple[str, str]]

    def add(self, account: str, client: str | None, exchange: str | None) -> None:
        """Add the ids that an order has."""
        if client is not None:
            self.client.add((account, client))
        if exchange is not None:
            self.exchange.add((account, exchange))


def load(connection: Connection, ledger: Ledger, edition: int, facts: Sequence[ExternalFact]) -> OrderIds:
    """Load the facts that are known already, the entries these may make surer, and the fills that trades may be.

    Return the stored orders that these trades may be of; they are the caller's to load.
    """
    of = (ledger.gateway, edition)
    keys = sorted({(account, fact.external_id) for fact in facts for account in _accounts(fact)})
    with cursor_of(connection) as cursor:
        cursor.execute(_KNOWN, ([account for account, _ in keys], [known for _, known in keys], *of))
        for account, known, digest in cursor:
            ledger.fact_index.facts[account, known] = digest
        for standing, near in ((_REPLACEABLE, _wanted(facts)), (_TOLD, _wanted_by_hand(facts))):
            if near:
                cursor.execute(_BY_AMOUNT + standing, (*(list(column) for column in zip(*near, strict=True)), *of))
                _take_entries(ledger, cursor)
    return _load_trades(connection, ledger, edition, [fact for fact in facts if fact.fact == TRADE])


def _load_trades(connection: Connection, ledger: Ledger, edition: int, trades: Sequence[ExternalFact]) -> OrderIds:
    of, ids = (ledger.gateway, edition), OrderIds(set(), set())
    named = sorted({(fact.account, fact.order_id) for fact in trades if fact.order_id is not None})
    unnamed = [fact for fact in trades if fact.order_id is None]
    with cursor_of(connection) as cursor:
        if named:
            cursor.execute(_ORDERS, ([account for account, _ in named], [known for _, known in named], *of, *of))
            for account, client, exchange in cursor:
                ids.add(account, client, exchange)
        if unnamed:
            times, near = [fact.occurred_us for fact in unnamed], TRADED_WITHIN_US
            columns = (
                [fact.account for fact in unnamed],
                [fact.symbol for fact in unnamed],
                [fact.side for fact in unnamed],
                [str(fact.quantity) for fact in unnamed],
                times,
            )
            cursor.execute(_FILLS, (*of, min(times), near, max(times), near, *columns, near, near))
            for account, order, ordinal, symbol, side, amount, us, client, exchange in cursor:
                known = MatchableFill(account, order, ordinal, symbol, side, Decimal(amount), us)
                ledger.fact_index.fills.append(known)
                ids.add(account, client, exchange)
    return ids


def load_of_orders(connection: Connection, ledger: Ledger, edition: int, orders: Collection[tuple[str, str]]) -> None:
    """Load the entries of orders (account, key) that their trades may make surer."""
    if not orders:
        return
    ordered = sorted(orders)
    with cursor_of(connection) as cursor:
        cursor.execute(
            _BY_ORDER, ([account for account, _ in ordered], [key for _, key in ordered], ledger.gateway, edition)
        )
        _take_entries(ledger, cursor)


def _accounts(fact: ExternalFact) -> list[str]:
    return [fact.account] if fact.counter_account is None else [fact.account, fact.counter_account]


def _wanted(facts: Sequence[ExternalFact]) -> list[Near]:
    """Return what was inferred or decided and may be made surer."""
    return [
        near
        for fact in facts
        for account, cause, amount in amounts_of(fact)
        for near in _near(account, sorted(replaceable_causes(cause)), amount, fact.occurred_us, time_bound_of(cause))
    ]


def _wanted_by_hand(facts: Sequence[ExternalFact]) -> list[Near]:
    """Return what was told by hand and may be what these facts tell."""
    return [
        near
        for fact in facts
        if not is_manual(fact.external_id)
        for move in movements_of(fact)
        for near in _near(move.account, [move.cause], move.amount, fact.occurred_us, MANUAL_WITHIN_US)
    ]


def _near(account: str, causes: Iterable[str], amount: Decimal, us: int, within_us: int) -> list[Near]:
    with exact():
        low, high = sorted((amount * (ONE - REPLACED_SHARE), amount * (ONE + REPLACED_SHARE)))
    return [Near(account, cause, str(low), str(high), us, within_us) for cause in causes]


def _take_entries(ledger: Ledger, rows: Iterable[TupleRow]) -> None:
    for row in rows:
        account, kind, unit, number, seq, clock, us, recorded, cause, certainty, amount, order, ordinal, of, *by = row
        entry = Entry(
            account=account,
            kind=kind,
            unit=unit,
            number=number,
            seq=seq,
            clock=clock,
            occurred_us=us,
            recorded_us=recorded,
            cause=cause,
            certainty=certainty,
            amount=Decimal(amount),
            running=ZERO,
            uncertainty=CERTAIN,
            order=order,
            ordinal=ordinal,
            break_id=of,
            replaces=by[0],
            fact=by[1],
        )
        ledger.fact_index.add(entry)
