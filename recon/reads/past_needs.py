"""What needed somebody at a past time, as far as it is kept: cases, accounts, rules, units and findings of then.

It is in the order of `recon.reads.needs`. Worth and who had a case are not kept, so cases of one need go by their age.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.display.figures import count
from recon.display.words import counted, safe
from recon.reads.as_of import ARGUMENTS, AsOf
from recon.reads.breaks import OPEN_CASES
from recon.reads.filter import Filter
from recon.reads.finding_advice import advice_on, needs_nobody
from recon.reads.log_page import heads
from recon.reads.needs import NEWS, TOLD_ELSEWHERE, Kind, Need, Needs, amounts_said
from recon.reads.past_views import ACCOUNTS, HEADS, HORIZON
from recon.reads.query import Query
from recon.reads.rules_in_force import WAITING, rules_of

_UNITS: Final = f"""
    SELECT u.gateway, u.account, u.verdict, count(*) AS units FROM recon_exact.units_as_of{ARGUMENTS} AS u
    GROUP BY u.gateway, u.account, u.verdict ORDER BY u.gateway, u.account, u.verdict
"""  # noqa: S608 - ours
_FINDINGS: Final = f"""
    SELECT f.gateway, f.kind, count(*) AS findings, max(f.seq) AS seq, max(x.recorded_at) AS at
    FROM recon.findings AS f
    JOIN {HEADS} AS l ON l.gateway = f.gateway AND f.seq <= l.seq
    JOIN recon.events AS x ON (x.gateway, x.seq) = (f.gateway, f.seq)
    WHERE x.recorded_at >= {HORIZON} - CAST(:news AS interval)
    GROUP BY f.gateway, f.kind ORDER BY max(x.recorded_at) DESC, f.gateway, f.kind
"""  # noqa: S608 - ours
#: What a case of each state needed; any other was in work.
_KINDS: Final[Mapping[str, Kind]] = {"proposed": "to approve", "open": "take up"}
_NOT_JUDGED: Final = frozenset({"unmodelled", "unobserved"})


class PastNeeds(msgspec.Struct, frozen=True):
    """What needed somebody, with what it was read from: how many units had each verdict, and the open cases."""

    needs: Needs
    verdicts: Mapping[str, int]
    cases: int
    #: The open cases, and the state of each account.
    queries: Sequence[Query]


def read_past_needs(source: Source, as_of: AsOf, now: datetime) -> PastNeeds:
    """Read what needed somebody at a past time."""
    open_cases = OPEN_CASES.query(Filter(), now, as_of=as_of)
    accounts = Query(ACCOUNTS.strip(), as_of.parameters)
    cases = open_cases.rows(source)
    units = Query(_UNITS, as_of.parameters).rows(source)
    verdicts: Counter[str] = Counter()
    for row in units:
        verdicts[str(row["verdict"])] += int(str(row["units"]))
    of_kind = {kind: [row for row in cases if row["state"] == state] for state, kind in _KINDS.items()}
    needs = [
        *(_case(row, "to approve") for row in of_kind["to approve"]),
        *_rules(source, as_of),
        *(_case(row, "take up") for row in of_kind["take up"]),
        *(_not_covered(row) for row in accounts.rows(source) if row["state"] != "covered"),
        *_set_up(units),
        *_look_at(source, as_of),
    ]
    in_work = [_case(row, "take up") for row in cases if row["state"] not in _KINDS]
    return PastNeeds(Needs(needs, in_work), verdicts, len(cases), [open_cases, accounts])


def _case(row: Row, kind: Kind) -> Need:
    since = row["since"]
    return Need(
        kind=kind,
        what=f"{amounts_said(row)} {safe(str(row['cause']))}, {safe(str(row['account']))}",
        since=since if isinstance(since, datetime) else None,
        note=str(row["state"]),
        gateway=str(row["gateway"]),
        case_id=str(row["case_id"]),
    )


def _rules(source: Source, as_of: AsOf) -> Iterator[Need]:
    for gateway, head in heads(source, as_of).items():
        for row in rules_of(source, gateway, head):
            if row["state"] == WAITING:
                at = row["at"]
                yield Need(
                    kind="to approve",
                    what=f"looser rules of {safe(gateway)}",
                    since=at if isinstance(at, datetime) else None,
                    note=safe(str(row["looser"] or "")),
                    gateway=gateway,
                )


def _not_covered(row: Row) -> Need:
    begun, reason = row["from_time"], f": {row['reason']}" if row["reason"] else ""
    return Need(
        kind="not covered",
        what=safe(f"{row['account']}: {row['state']}{reason}"),
        since=begun if isinstance(begun, datetime) else None,
        gateway=str(row["gateway"]),
    )


def _set_up(units: Sequence[Row]) -> Iterator[Need]:
    for row in units:
        if row["verdict"] in _NOT_JUDGED:
            units_said = counted(int(str(row["units"])), "unit")
            what = safe(f"{row['account']}: {units_said} {row['verdict']}")
            yield Need(kind="set up", what=what, gateway=str(row["gateway"]))


def _look_at(source: Source, as_of: AsOf) -> Iterator[Need]:
    for row in Query(_FINDINGS, {**as_of.parameters, "news": NEWS}).rows(source):
        kind, at = str(row["kind"]), row["at"]
        if not needs_nobody(kind) and kind not in TOLD_ELSEWHERE:
            findings = counted(int(str(row["findings"])), "finding")
            yield Need(
                kind="look at",
                what=f"{findings} {kind}, {row['gateway']} event {count(int(str(row['seq'])))}",
                since=at if isinstance(at, datetime) else None,
                note=advice_on(kind),
                gateway=str(row["gateway"]),
            )
