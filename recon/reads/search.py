"""Where an id or a name is: accounts, units, orders, cases, breaks, digests and events, in one list.

Each look is by an index, or over what is few; a beginning is enough where ids are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.reads import past_views
from recon.reads.as_of import ARGUMENTS, NOW, AsOf, function_of
from recon.reads.log_page import heads
from recon.reads.query import Query
from recon.reads.unit_rows import PAST_UNITS, UNITS

#: Most hits of each kind, shortest text that is looked for as a beginning, longest that is looked for at all.
MAX_HITS: Final = 20
MIN_BEGINNING: Final = 2
MAX_TEXT: Final = 200

_LOOKS: Final[dict[str, str]] = {
    "account": """
SELECT a.gateway, a.account AS name, a.state, NULL AS account FROM recon.accounts AS a
WHERE starts_with(lower(a.account), lower(:q)) OR lower(a.account) LIKE '%/' || lower(:like)
   OR lower(a.venue_account) = lower(:q)
ORDER BY a.gateway, a.account LIMIT :limit""",
    "unit": f"""
SELECT u.gateway, u.unit AS name, u.verdict AS state, u.account, u.unit_kind FROM ({UNITS}
) AS u
WHERE starts_with(lower(u.unit), lower(:q)) OR lower(u.coinapi) = lower(:q)
ORDER BY lower(u.unit) <> lower(:q), u.gateway, u.account, u.unit LIMIT :limit""",  # noqa: S608 - names of our own
    "case": """
SELECT c.gateway, c.case_id AS name, c.state, array_to_string(c.accounts, ', ') AS account,
       array_to_string(c.causes, ', ') AS cause
FROM recon_exact.cases AS c WHERE starts_with(c.case_id, lower(:q))
ORDER BY c.opened_at DESC LIMIT :limit""",
    "break": """
SELECT b.gateway, b.id AS name, b.state, b.account, b.cause, b.case_id, b.unit
FROM recon_exact.breaks AS b WHERE starts_with(b.id, lower(:q))
ORDER BY b.opened_at DESC LIMIT :limit""",
    "order": """
SELECT o.gateway, o.order_key AS name, o.status AS state, o.account, o.symbol, o.side, o.first_seq, o.last_seq
FROM recon_exact.orders AS o
WHERE o.client_order_id = :q OR o.exchange_order_id = :q
   OR (o.gateway, o.account, o.order_key) IN (
       SELECT a.gateway, a.account, k.key FROM recon.accounts AS a
       CROSS JOIN (VALUES (:q), ('c:' || :q), ('x:' || :q)) AS k (key)
   )
ORDER BY o.updated_at DESC, o.gateway, o.account, o.order_key LIMIT :limit""",
    "proposal": """
SELECT b.gateway, b.proposal ->> 'digest' AS name, b.state, b.account, b.cause, b.case_id, b.unit
FROM recon_exact.breaks AS b WHERE starts_with(b.proposal ->> 'digest', lower(:q))
ORDER BY b.opened_at DESC LIMIT :limit""",
    "signal": """
SELECT s.gateway, s.id AS name, s.event AS state, s.account, s.case_id, s.cause
FROM recon_exact.signals AS s WHERE starts_with(s.id, lower(:q))
ORDER BY s.occurred_at DESC LIMIT :limit""",
}
#: The same of a past time. Digests of proposals are not kept; an order that changed since tells whether it was open.
_PAST_LOOKS: Final[dict[str, str]] = {
    "account": f"""
SELECT a.gateway, a.account AS name, a.state, NULL AS account FROM ({past_views.ACCOUNTS}) AS a
WHERE starts_with(lower(a.account), lower(:q)) OR lower(a.account) LIKE '%/' || lower(:like)
ORDER BY a.gateway, a.account LIMIT :limit""",  # noqa: S608 - ours
    "unit": _LOOKS["unit"].replace(UNITS, PAST_UNITS),
    "case": _LOOKS["case"].replace("recon_exact.cases", f"({past_views.CASES})"),
    "break": function_of(_LOOKS["break"]),
    "order": f"""
SELECT o.gateway, o.order_key AS name, coalesce(o.status, CASE WHEN o.open THEN 'open' ELSE 'over' END) AS state,
       o.account, o.symbol, o.side, o.first_seq, coalesce(o.last_seq, o.first_seq) AS last_seq
FROM recon_exact.orders_as_of{ARGUMENTS} AS o
WHERE o.client_order_id = :q OR o.exchange_order_id = :q OR o.order_key IN (:q, 'c:' || :q, 'x:' || :q)
ORDER BY o.first_seq DESC, o.gateway, o.account, o.order_key LIMIT :limit""",  # noqa: S608 - ours
    "signal": _LOOKS["signal"].replace(
        "WHERE starts_with", f"WHERE s.occurred_at <= {past_views.HORIZON} AND starts_with"
    ),
}
#: What is looked for only as a whole, or by a longer beginning: a short one would fit too much.
_IDS: Final = frozenset({"case", "break", "proposal", "signal"})
_LONG_ENOUGH: Final = 4
_EVENT: Final = """
SELECT e.gateway, e.seq, e.kind, e.account, e.recorded_at FROM recon.events AS e
WHERE e.gateway = ANY(:gateways) AND e.seq = :seq ORDER BY e.gateway"""


class Hit(msgspec.Struct, frozen=True):
    """Something that a text names: what kind it is, and its row."""

    kind: str
    row: Row


def search(source: Source, text: str, as_of: AsOf = NOW) -> list[Hit]:
    """Return what a text names, the likeliest kinds first; nothing for a text that is too long or too short."""
    wanted = text.strip()
    if not wanted or len(wanted) > MAX_TEXT or "\0" in wanted:
        return []
    hits = [Hit("event", row) for row in _events(source, wanted, as_of)]
    for kind, look in _looks(as_of).items():
        least = _LONG_ENOUGH if kind in _IDS else MIN_BEGINNING
        if len(wanted) >= least or kind == "order":
            rows = query_rows(source, look, _parameters(look, wanted, as_of))
            hits += [Hit(kind, row) for row in rows]
    return hits


def queries(text: str, as_of: AsOf = NOW) -> Sequence[Query]:
    """Return the looks as SQL, for whoever wants to run them."""
    return [Query(look, _parameters(look, text.strip(), as_of)) for look in _looks(as_of).values()]


def _looks(as_of: AsOf) -> dict[str, str]:
    return _PAST_LOOKS if as_of.is_past else _LOOKS


def _parameters(look: str, text: str, as_of: AsOf) -> dict[str, object]:
    like = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    more = {"like": f"{like}%"} if ":like" in look else {}
    return {"q": text, "limit": MAX_HITS, **more, **as_of.parameters}


def _events(source: Source, text: str, as_of: AsOf) -> list[Row]:
    """Return the events of a log position: of one gateway that is named before it, or of each."""
    *named, number = text.replace(",", "").replace("#", " ").split()
    if not (number.isascii() and number.isdigit() and len(number) < 19) or len(named) > 2:
        return []
    known = heads(source, as_of)
    gateways = [
        name
        for name, head in known.items()
        if int(number) <= head and (not named or name in named or named == ["event"])
    ]
    return query_rows(source, _EVENT, {"gateways": gateways, "seq": int(number)})
