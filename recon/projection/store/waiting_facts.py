"""Loading the facts that wait for a second person. Synchronous, on a Connection.

A fact is loaded if a decision of the batch names it, or if a fact of the batch may be the same one told again.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ledger.facts.external_fact import ExternalFact, parse_fact
from recon.ledger.facts.waiting import WaitingFact
from recon.ledger.ledger import Ledger

_WAITING: Final = """
SELECT w.seq, e.payload, w.digest, w.usd::text, w.reason, w.state, w.vouched_by, w.decided_seq
FROM (
    SELECT t.* FROM recon_store.waiting_facts AS t
    WHERE t.gateway = %s AND t.edition = %s AND t.seq = ANY(%s::bigint[])
    UNION
    SELECT f.* FROM unnest(%s::text[], %s::text[]) AS k(account, id) CROSS JOIN LATERAL (
        SELECT t.* FROM recon_store.waiting_facts AS t
        WHERE t.gateway = %s AND t.edition = %s AND t.account = k.account AND t.external_id = k.id
          AND t.state = 'waiting' OFFSET 0
    ) AS f
) AS w JOIN recon_store.log_events AS e ON (e.gateway, e.seq) = (w.gateway, w.seq)
ORDER BY w.seq
"""


def load(
    connection: Connection, ledger: Ledger, edition: int, facts: Iterable[ExternalFact], named: Iterable[int]
) -> list[ExternalFact]:
    """Load what waits under these log positions, or under the ids of these facts; return the facts that wait."""
    ids, positions = sorted({(fact.account, fact.external_id) for fact in facts}), sorted(set(named))
    if not ids and not positions:
        return []
    accounts, external_ids = [account for account, _ in ids], [external_id for _, external_id in ids]
    key = (ledger.gateway, edition)
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_WAITING, (*key, positions, accounts, external_ids, *key))
        for seq, payload, digest, usd, reason, state, vouched_by, decided_seq in cursor:
            waiting = WaitingFact(
                seq,
                parse_fact(payload),
                digest,
                None if usd is None else Decimal(usd),
                reason,
                state=state,
                vouched_by=vouched_by,
                decided_seq=decided_seq,
            )
            ledger.fact_index.set_waiting(waiting)
    return [waiting.fact for waiting in ledger.fact_index.waiting.values()]
