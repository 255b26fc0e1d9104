"""Reading a case: all its breaks in full, and when the events happened that its evidence names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recon.db.source import Source, query_rows
from recon.deciding import selection
from recon.deciding.selection import SelectedBreak
from recon.display.ids import short_ids
from recon.reads.case.leg import read_leg
from recon.reads.case.model import Case, Leg
from recon.reads.currency import Stale
from recon.reads.rules_in_force import rules_in_force


def case_of(connection: Source, which: str) -> tuple[list[SelectedBreak], list[SelectedBreak]]:
    """Return the breaks of the case that a break or a case is of whose id begins so, and those that were named.

    Errors: ConfigError where there is none, or several.
    """
    named = selection.break_or_case(connection, which)
    return selection.case(connection, named[0].case_id), named


def read_case(
    connection: Source, selected: Sequence[SelectedBreak], now: datetime, stale: Sequence[Stale] = ()
) -> Case:
    """Read the breaks of one case; `stale` is what is not current of what they are of."""
    rules = {name: rules_in_force(connection, name) for name in dict.fromkeys(each.gateway for each in selected)}
    legs = [read_leg(connection, each, now, rules[each.gateway].of(each.account)) for each in selected]
    legs.sort(key=lambda leg: (str(leg.row["gateway"]), int(leg.row["after_seq"] or 0), str(leg.row["id"])))
    case_id = selected[0].case_id
    limits = [rules[each.gateway].of(each.account).material_usd for each in selected]
    return Case(
        id=case_id,
        short=_short(connection, case_id),
        legs=legs,
        times=_times(connection, legs),
        proposals=_proposals(connection, legs),
        material_usd=min(limits),
        at=now,
        stale=bool(stale),
        stale_since=min((each.seen_until for each in stale if each.seen_until is not None), default=None),
    )


def _proposals(connection: Source, legs: Sequence[Leg]) -> dict[tuple[str, int], list[str]]:
    """Return the digests of each decision that proposed breaks of the case: it may have proposed others with them."""
    found: dict[tuple[str, int], list[str]] = {}
    for leg in legs:
        if leg.row["state"] == "proposed":
            key = str(leg.row["gateway"]), int(leg.row["proposal"]["seq"])
            if key not in found:
                rows = query_rows(
                    connection,
                    "SELECT proposal ->> 'digest' AS digest FROM recon_exact.breaks WHERE gateway = :gateway"
                    " AND state = 'proposed' AND (proposal ->> 'seq')::bigint = :seq",
                    {"gateway": key[0], "seq": key[1]},
                )
                found[key] = [str(row["digest"]) for row in rows]
    return found


def _short(connection: Source, case_id: str) -> str:
    alike = query_rows(
        connection,
        "SELECT DISTINCT case_id FROM recon_exact.breaks WHERE starts_with(case_id, left(:case, 8)) LIMIT 100",
        {"case": case_id},
    )
    return short_ids([case_id], [str(row["case_id"]) for row in alike])[case_id]


def _times(connection: Source, legs: Sequence[Leg]) -> dict[tuple[str, int], datetime]:
    wanted: dict[str, set[int]] = {}
    for leg in legs:
        seqs = [item.get("seq") for item in leg.row["evidence"] or () if isinstance(item, dict)]
        wanted.setdefault(str(leg.row["gateway"]), set()).update(seq for seq in seqs if isinstance(seq, int))
    times: dict[tuple[str, int], datetime] = {}
    for gateway, seqs_of in wanted.items():
        rows = query_rows(
            connection,
            "SELECT seq, recorded_at FROM recon.events WHERE gateway = :gateway AND seq = ANY(:seqs)",
            {"gateway": gateway, "seqs": sorted(seqs_of)},
        )
        times |= {(gateway, int(str(row["seq"]))): row["recorded_at"] for row in rows}  # type: ignore[misc] # a time
    return times
