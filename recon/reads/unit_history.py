"""One unit between two times: its observations, the coverage of its account, its breaks, and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.display.strip import Stretch
from recon.exact import ZERO, exact
from recon.ledger.rules import AccountRules
from recon.reads.coverage import end_of_log, read_strips
from recon.reads.query import Query
from recon.reads.rules_in_force import rules_in_force
from recon.reads.unit_rows import UNITS
from recon.reconciliation.model.tolerance import Bound, largest_tolerance

#: Most observations and breaks of one unit that are shown; of more, the newest.
MAX_OBSERVATIONS: Final = 4000
MAX_BREAKS: Final = 50

_UNIT: Final = f"SELECT u.* FROM ({UNITS}\n) AS u\nWHERE u.gateway = :gateway AND u.account || '/' || u.unit = :place"  # noqa: S608 - ours
_OBSERVATIONS: Final = """
SELECT o.at, o.seq, o.reported, o.expected, o.explained, o.drift, o.unexplained, o.verdict, o.judged_at, o.judged_seq
FROM recon.observations AS o
WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :unit_kind AND o.unit = :unit
  AND o.at >= :since AND o.at < :until
ORDER BY o.at DESC, o.judged_seq DESC
LIMIT :limit"""
#: What stood at the beginning.
_BEFORE: Final = """
SELECT o.at, o.seq, o.reported, o.expected, o.explained, o.drift, o.unexplained, o.verdict, o.judged_at, o.judged_seq
FROM recon.observations AS o
WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :unit_kind AND o.unit = :unit
  AND o.at < :since
ORDER BY o.at DESC, o.judged_seq DESC
LIMIT 1"""
_BREAKS: Final = """
SELECT b.id, b.case_id, b.gateway, b.state, b.amount, b.cause, b.certainty, b.assignee, b.opened_at, b.closed_at,
       coalesce(b.origin_at, b.opened_at) AS origin_at, b.until_seq
FROM recon.breaks AS b
WHERE b.gateway = :gateway AND b.account = :account AND b.unit_kind = :unit_kind AND b.unit = :unit
ORDER BY b.closed_at IS NULL DESC, b.opened_at DESC, b.id
LIMIT :limit"""
_SEEN_UNTIL: Final = Query("SELECT g.last_event_at FROM recon.gateways AS g WHERE g.name = :gateway")


class UnitHistory(msgspec.Struct, frozen=True):
    """One unit between two times; observations in the order in which they were judged, first what stood before."""

    unit: Row
    since: datetime
    until: datetime
    #: The observations' SQL, for whoever wants to run it.
    query: Query
    observations: Sequence[Row]
    #: True if more observations lie between the times than are shown.
    more: bool
    coverage: Sequence[Stretch]
    breaks: Sequence[Row]
    rules: AccountRules
    bound: Bound
    #: When the log of the gateway ends, where nobody records it any more.
    ends_at: datetime | None


def find_units(source: Source, gateway: str, place: str) -> list[Row]:
    """Return the units at `account/unit` of a gateway: more than one where an asset and a contract have one name."""
    return Query(_UNIT, {"gateway": gateway, "place": place}).rows(source)


def read_history(source: Source, unit: Row, since: datetime, until: datetime, now: datetime) -> UnitHistory:
    """Return a unit between two times."""
    key = {name: unit[name] for name in ("gateway", "account", "unit_kind", "unit")}
    times = {"since": since, "until": until}
    query = Query(_OBSERVATIONS, {**key, **times, "limit": MAX_OBSERVATIONS + 1})
    found = query.rows(source)
    more = len(found) > MAX_OBSERVATIONS
    newest = found[:MAX_OBSERVATIONS]
    before = [] if more else Query(_BEFORE, {**key, "since": since}).rows(source)
    gateway_name, account = str(key["gateway"]), str(key["account"])
    coverage = read_strips(source, gateway=gateway_name, account=account, since=since, now=now, until=until)
    (gateway,) = Query(_SEEN_UNTIL.text, {"gateway": key["gateway"]}).rows(source)
    rules = rules_in_force(source, gateway_name).of(account)
    return UnitHistory(
        unit=unit,
        since=since,
        until=until,
        query=Query(_OBSERVATIONS, {**key, **times, "limit": MAX_OBSERVATIONS}),
        observations=[*before, *reversed(newest)],
        more=more,
        coverage=coverage.get((key["gateway"], key["account"]), []),
        breaks=Query(_BREAKS, {**key, "limit": MAX_BREAKS}).rows(source),
        rules=rules,
        bound=bound_of(unit, rules),
        ends_at=end_of_log(gateway["last_event_at"], now),
    )


def bound_of(unit: Row, rules: AccountRules) -> Bound:
    """Return how far a report of the unit may be from the books now and still agree, and what that follows from."""
    reported, expected, rate = (unit[name] for name in ("reported", "expected", "rate_usd"))
    with exact():
        return largest_tolerance(
            rules.tolerance_of(str(unit["unit"])),
            reported=reported if isinstance(reported, Decimal) else ZERO,
            expected=expected if isinstance(expected, Decimal) else ZERO,
            slack=ZERO,
            rate_usd=rate if isinstance(rate, Decimal) else None,
        )


def window_of(rules: AccountRules) -> timedelta:
    """Return the settlement window of an account."""
    return timedelta(microseconds=rules.settlement_window_us)
