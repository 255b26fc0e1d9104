"""What the log says around the origin of a case: reports of orders, and each unit as reported and as expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from recon.db.source import Row, Source
from recon.display.charts.strips import Stretch, clipped, merged
from recon.display.charts.timeline import Between, Cuts, Lane, Level, OrderLife, Said, Timeline, span_of
from recon.reads.case.model import Case, Leg
from recon.reads.case.path import path_of
from recon.reads.query import Query
from recon.reconciliation.model.path_evidence import PathEvidence
from recon.times import microseconds, to_datetime

#: Most events of one kind that are drawn.
MOST: Final = 400
#: Longest message that is shown, in bytes.
MAX_MESSAGE: Final = 16_384

_ORDERS: Final = """
SELECT e.seq, e.recorded_at, e.payload ->> 'client_order_id' AS client_id, e.payload ->> 'id' AS id,
       e.payload ->> 'status' AS status, e.payload ->> 'side' AS side,
       coalesce(e.payload ->> 'symbol_id_exchange', e.payload ->> 'symbol_id_coinapi') AS symbol
FROM recon.events AS e
WHERE e.gateway = :gateway AND e.account = :account AND e.kind = 'ORDER_EXEC_REPORT_UPDATE' AND e.readable
  AND e.seq BETWEEN :first AND :last
ORDER BY e.seq LIMIT :most
"""
#: Snapshots hold many rows, updates one; a short position is negative.
_REPORTED: Final = """
SELECT r.seq, r.recorded_at, r.amount
FROM (
    SELECT e.seq, e.recorded_at,
           CASE WHEN :kind = 'asset' THEN (x.item ->> 'balance')::numeric
                WHEN x.item ->> 'side' = 'SELL' THEN -abs((x.item ->> 'quantity')::numeric)
                ELSE (x.item ->> 'quantity')::numeric END AS amount
    FROM recon.events AS e
    CROSS JOIN LATERAL json_array_elements(
        CASE WHEN json_typeof(e.payload -> 'data') = 'array' THEN e.payload -> 'data'
             ELSE json_build_array(e.payload) END
    ) AS x (item)
    WHERE e.gateway = :gateway AND e.account = :account AND e.readable AND e.seq BETWEEN :first AND :last
      AND e.kind = ANY(CAST(:kinds AS text[]))
      AND :unit IN (x.item ->> 'asset_id_exchange', x.item ->> 'symbol_id_exchange', x.item ->> 'id')
) AS r
WHERE r.amount IS NOT NULL
ORDER BY r.seq LIMIT :most
"""
#: From the opening on: what was traded before it is in it.
_EXPECTED: Final = """
WITH n AS (
    SELECT e.seq, e.recorded_at, e.running AS amount, e.entry_no FROM recon_exact.entries AS e
    WHERE e.gateway = :gateway AND e.account = :account AND e.unit_kind = :kind AND e.unit = :unit
      AND e.entry_no >= coalesce((
          SELECT max(o.entry_no) FROM recon_exact.entries AS o
          WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :kind AND o.unit = :unit
            AND o.cause = 'opening'
      ), 0)
)
(SELECT n.seq, n.recorded_at, n.amount FROM n WHERE n.seq < :first ORDER BY n.entry_no DESC LIMIT 1)
UNION ALL
(SELECT n.seq, n.recorded_at, n.amount FROM n WHERE n.seq BETWEEN :first AND :last ORDER BY n.entry_no LIMIT :most)
"""
_VERDICTS: Final = """
SELECT o.judged_at, o.verdict FROM recon_exact.observations AS o
WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :kind AND o.unit = :unit
  AND o.judged_seq <= :last
ORDER BY o.judged_seq DESC, o.seq DESC LIMIT :most
"""
#: The events that lie in a time: by log position, which is in the order of time.
_SEQS: Final = """
SELECT min(e.seq) AS first, max(e.seq) AS last FROM recon.events AS e
WHERE e.gateway = :gateway AND e.account = :account AND e.recorded_at BETWEEN :since AND :until
  AND e.seq > :after - 20000 AND e.seq < :after + 200000
"""
_MESSAGES: Final = """
SELECT e.seq, e.recorded_at, e.kind, e.readable, e.raw FROM recon.events AS e
WHERE e.gateway = :gateway AND e.seq = ANY(CAST(:seqs AS bigint[])) AND octet_length(e.raw) <= :longest
ORDER BY e.seq
"""
_ORDER_NAMED: Final = """
SELECT max(e.seq) AS seq FROM recon.events AS e
WHERE e.gateway = :gateway AND e.seq = ANY(CAST(:seqs AS bigint[])) AND e.kind LIKE 'ORDER_EXEC_REPORT%'
"""
_KINDS: Final = {
    "asset": ["BALANCE_UPDATE", "BALANCE_SNAPSHOT"],
    "contract": ["POSITION_UPDATE", "POSITION_SNAPSHOT"],
}


class Message(NamedTuple):
    """One event as it came, laid out; None where it is no JSON, or too large."""

    seq: int
    at: datetime
    kind: str
    text: str | None


def around(source: Source, case: Case) -> Timeline | None:
    """Return the log around the origin of a case, as far as it went when the case was read.

    None where it cannot be drawn: legs are of several accounts, the origin of one is not kept, or archived.
    """
    places = {(leg.row["gateway"], leg.row["account"]) for leg in case.legs}
    if len(places) != 1 or any(leg.row["until_seq"] is None or leg.archived for leg in case.legs):
        return None
    gateway, account = places.pop()
    origins = [(_after_us(leg), microseconds(leg.row["origin_at"] or leg.row["opened_at"])) for leg in case.legs]
    opened = max(microseconds(leg.row["opened_at"]) for leg in case.legs)
    start, end = span_of(origins, opened)
    end = min(end, microseconds(case.at))
    scope: dict[str, object] = {"gateway": gateway, "account": account, "most": MOST}
    times = {"since": to_datetime(start), "until": to_datetime(end), "after": int(case.legs[0].row["until_seq"])}
    (seqs,) = Query(_SEQS, scope | times).rows(source)
    if seqs["first"] is None:
        return None
    scope |= {"first": seqs["first"], "last": seqs["last"]}
    lanes = [_lane(source, leg, scope, origin, (start, end)) for leg, origin in zip(case.legs, origins, strict=True)]
    reports = Query(_ORDERS, scope).rows(source)
    orders = [_said(row) for row in reports]
    order = _order_life(case, reports)
    return Timeline(account=str(account), from_us=start, until_us=end, orders=orders, lanes=lanes, order=order)


def _order_life(case: Case, reports: Sequence[Row]) -> OrderLife | None:
    """Return the order that the evidence names first, with its reports; None where it names none of those drawn."""
    seqs = {item["seq"] for leg in case.legs for item in leg.row["evidence"] or () if isinstance(item.get("seq"), int)}
    named = next((row for row in reports if row["seq"] in seqs), None)
    if named is None:
        return None
    key = "client_id" if named["client_id"] else "id"
    name = str(named[key] or "-")
    return OrderLife(name, [_said(row) for row in reports if row[key] == named[key]])


def _cuts(leg: Leg) -> Cuts | None:
    """Return what two reports had seen, by the path of a break; None where it has none."""
    stored = path_of(leg.row)
    if stored is None:
        return None
    path = msgspec.convert(stored, PathEvidence)
    between = [Between(each.us, each.amount, each.order) for each in path.legs]
    return Cuts((path.before.us, path.before.seq), (path.after.us, path.after.seq), between, path.leg_count)


def _said(row: Row) -> Said:
    return Said(_us(row), int(str(row["seq"])), _order(row))


def two_messages(source: Source, case: Case) -> list[Message]:
    """Return what was said last of the order that the evidence names, and the first report that shows the break.

    Where no order is named, it is the last report before, and the first that shows it.
    """
    known = [leg for leg in case.legs if leg.row["until_seq"] is not None]
    if not known:
        return []
    first = min(known, key=lambda leg: int(leg.row["until_seq"]))
    gateway, until = first.row["gateway"], int(first.row["until_seq"])
    named = [
        int(item["seq"])
        for leg in case.legs
        if leg.row["gateway"] == gateway
        for item in leg.row["evidence"] or ()
        if isinstance(item.get("seq"), int) and item["seq"] < until
    ]
    (order,) = Query(_ORDER_NAMED, {"gateway": gateway, "seqs": named}).rows(source)
    before = int(str(order["seq"])) if order["seq"] is not None else int(first.row["after_seq"])
    wanted = {"gateway": gateway, "seqs": [before, until], "longest": MAX_MESSAGE}
    return [
        Message(int(str(row["seq"])), row["recorded_at"], str(row["kind"]), _laid_out(row))  # type: ignore[arg-type]
        for row in Query(_MESSAGES, wanted).rows(source)
    ]


def _laid_out(row: Row) -> str | None:
    raw = row["raw"]
    if not row["readable"] or not isinstance(raw, bytes | memoryview):
        return None
    # The layout changes; numbers and the order of keys stay as they came.
    return msgspec.json.format(bytes(raw), indent=2).decode()


def _lane(
    source: Source, leg: Leg, scope: Mapping[str, object], origin: tuple[int | None, int], span: tuple[int, int]
) -> Lane:
    kind = str(leg.row["unit_kind"])
    of_unit = {**scope, "unit": leg.row["unit"], "kind": kind, "kinds": _KINDS[kind]}
    return Lane(
        unit=str(leg.row["unit"]),
        amount=Decimal(leg.row["amount"]),
        reported=_levels(Query(_REPORTED, of_unit).rows(source), span[0]),
        expected=_levels(Query(_EXPECTED, of_unit).rows(source), span[0]),
        after_us=origin[0],
        until_us=origin[1],
        after_seq=int(leg.row["after_seq"]),
        until_seq=int(leg.row["until_seq"]),
        verdicts=_verdicts(Query(_VERDICTS, of_unit).rows(source), span),
        cuts=_cuts(leg),
    )


def _levels(rows: Sequence[Mapping[str, Any]], start: int) -> list[Level]:
    return [Level(max(start, _us(row)), int(row["seq"]), Decimal(row["amount"])) for row in rows]


def _verdicts(rows: Sequence[Mapping[str, Any]], span: tuple[int, int]) -> list[Stretch]:
    points = [(microseconds(row["judged_at"]), str(row["verdict"])) for row in reversed(rows)]
    ends = [*(at for at, _ in points[1:]), span[1]]
    stretches = [Stretch(verdict, at, end) for (at, verdict), end in zip(points, ends, strict=True) if end > at]
    return merged(clipped(stretches, *span))


def _after_us(leg: Leg) -> int | None:
    ends = {each["seq"]: each["recorded_at"] for each in leg.ends}
    after = ends.get(leg.row["after_seq"])
    return None if after is None else microseconds(after)


def _us(row: Mapping[str, Any]) -> int:
    return microseconds(row["recorded_at"])


def _order(row: Mapping[str, Any]) -> str:
    words = [row["side"], row["symbol"], row["status"]]
    return f"order {row['client_id'] or row['id'] or '-'} {' '.join(str(word) for word in words if word)}"
