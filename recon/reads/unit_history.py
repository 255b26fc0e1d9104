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
from recon.reads.as_of import ARGUMENTS, NOW, AsOf
from recon.reads.coverage import end_of_log, read_strips
from recon.reads.log_page import heads
from recon.reads.past_coverage import read_past_coverage
from recon.reads.past_views import GATEWAYS, OBSERVATIONS
from recon.reads.query import Query
from recon.reads.rules_in_force import rules_in_force
from recon.reads.unit_rows import units_of
from recon.reconciliation.model.tolerance import Bound, largest_tolerance

#: Most observations and breaks of one unit that are shown; of more, the newest.
MAX_OBSERVATIONS: Final = 4000
MAX_BREAKS: Final = 50
#: Most entries that are listed, the newest first.
MAX_ENTRIES: Final = 30

_UNIT: Final = "SELECT u.* FROM ({units}\n) AS u\nWHERE u.gateway = :gateway AND u.account || '/' || u.unit = :place"
_OBSERVATIONS: Final = """
SELECT o.at, o.seq, o.reported, o.expected, o.explained, o.drift, o.unexplained, o.verdict, o.judged_at, o.judged_seq
FROM {observations} AS o
WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :unit_kind AND o.unit = :unit
  AND o.at >= :since AND o.at <= :until
ORDER BY o.at DESC, o.judged_seq DESC
LIMIT :limit"""
#: What stood at the beginning.
_BEFORE: Final = """
SELECT o.at, o.seq, o.reported, o.expected, o.explained, o.drift, o.unexplained, o.verdict, o.judged_at, o.judged_seq
FROM {observations} AS o
WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :unit_kind AND o.unit = :unit
  AND o.at < :since
ORDER BY o.at DESC, o.judged_seq DESC
LIMIT 1"""
_BREAKS: Final = """
SELECT b.id, b.case_id, b.gateway, b.state, b.amount, b.cause, b.certainty, b.assignee, b.opened_at, b.closed_at,
       coalesce(b.origin_at, b.opened_at) AS origin_at, b.until_seq
FROM recon_exact.breaks AS b
WHERE b.gateway = :gateway AND b.account = :account AND b.unit_kind = :unit_kind AND b.unit = :unit
ORDER BY b.closed_at IS NULL DESC, b.opened_at DESC, b.id
LIMIT :limit"""
#: Nothing of how sure a cause was, and of who had it, is kept of a past time.
_PAST_BREAKS: Final = f"""
SELECT b.id, b.case_id, b.gateway, b.state, b.amount, b.cause, NULL AS certainty, NULL AS assignee, b.opened_at,
       b.closed_at, coalesce(b.origin_at, b.opened_at) AS origin_at, coalesce(b.until_seq, b.seq) AS until_seq
FROM recon_exact.breaks_as_of{ARGUMENTS} AS b
WHERE b.gateway = :gateway AND b.account = :account AND b.unit_kind = :unit_kind AND b.unit = :unit
ORDER BY b.closed_at IS NULL DESC, b.opened_at DESC, b.id
LIMIT :limit"""  # noqa: S608 - ours
_ENTRIES: Final = """
SELECT e.entry_no, e.seq, e.occurred_at, e.recorded_at, e.cause, e.certainty, e.amount, e.running
FROM {entries} AS e
WHERE e.gateway = :gateway AND e.account = :account AND e.unit_kind = :unit_kind AND e.unit = :unit
ORDER BY e.entry_no DESC
LIMIT :limit"""
_SEEN_UNTIL: Final = "SELECT g.last_event_at FROM {gateways} AS g WHERE g.name = :gateway"


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
    #: The last entries of the books, the newest first.
    entries: Sequence[Row]
    rules: AccountRules
    bound: Bound
    #: When the log of the gateway ends, where nobody records it any more.
    ends_at: datetime | None


def find_units(source: Source, gateway: str, place: str, as_of: AsOf = NOW) -> list[Row]:
    """Return the units at `account/unit` of a gateway: more than one where an asset and a contract have one name."""
    text = _UNIT.format(units=units_of(as_of))
    return Query(text, {"gateway": gateway, "place": place, **as_of.parameters}).rows(source)


def read_history(
    source: Source, unit: Row, since: datetime, until: datetime, now: datetime, as_of: AsOf = NOW
) -> UnitHistory:
    """Return a unit between two times, as known at the time that `now` stands for."""
    past = as_of.is_past
    key = {name: unit[name] for name in ("gateway", "account", "unit_kind", "unit")}
    given = {**key, **as_of.parameters}
    times = {"since": since, "until": until}
    observations = f"({OBSERVATIONS})" if past else "recon_exact.observations"
    listed = _OBSERVATIONS.format(observations=observations)
    query = Query(listed, {**given, **times, "limit": MAX_OBSERVATIONS + 1})
    found = query.rows(source)
    more = len(found) > MAX_OBSERVATIONS
    newest = found[:MAX_OBSERVATIONS]
    before = [] if more else Query(_BEFORE.format(observations=observations), {**given, "since": since}).rows(source)
    gateway_name, account = str(key["gateway"]), str(key["account"])
    if past:
        coverage = read_past_coverage(
            source, as_of, gateway=gateway_name, account=account, since=since, until=now, every=True
        ).strips
    else:
        coverage = read_strips(source, gateway=gateway_name, account=account, since=since, now=now, until=until)
    seen = _SEEN_UNTIL.format(gateways=f"({GATEWAYS})" if past else "recon.gateways")
    (gateway,) = Query(seen, {"gateway": key["gateway"], **as_of.parameters}).rows(source)
    head = heads(source, as_of)[gateway_name]
    rules = (rules_in_force(source, gateway_name, head) if past else rules_in_force(source, gateway_name)).of(account)
    entries = f"recon_exact.entries_as_of{ARGUMENTS}" if past else "recon_exact.entries"
    return UnitHistory(
        unit=unit,
        since=since,
        until=until,
        query=Query(listed, {**given, **times, "limit": MAX_OBSERVATIONS}),
        observations=[*before, *reversed(newest)],
        more=more,
        coverage=coverage.get((key["gateway"], key["account"]), []),
        breaks=Query(_PAST_BREAKS if past else _BREAKS, {**given, "limit": MAX_BREAKS}).rows(source),
        entries=Query(_ENTRIES.format(entries=entries), {**given, "limit": MAX_ENTRIES}).rows(source),
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
