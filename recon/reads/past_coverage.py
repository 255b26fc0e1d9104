"""The coverage of accounts as of a past time: their state of then, shares, stretches, and the gaps that these make.

What the backfill found of a gap, and what is asked on its account, is known of now alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from recon.db.source import Row, Source, query_rows
from recon.display.strip import Stretch
from recon.reads import gaps
from recon.reads.as_of import ARGUMENTS, AsOf
from recon.reads.coverage import PARTS, listed, place_of, with_shares
from recon.reads.currency import SIGN_OF_LIFE
from recon.reads.gaps import CoverageRows

# The log ended with what was known then.
_STRETCHES: Final = PARTS.format(
    coverage=f"(SELECT c.*, NULL AS recovery FROM recon.coverage_as_of{ARGUMENTS} AS c)",  # noqa: S608 - our own
    gateways="(SELECT l.gateway AS name, e.recorded_at AS last_event_at FROM recon.log_as_of(:now) AS l"
    " JOIN LATERAL recon.log_at(l.gateway, l.seq) AS e ON e.recorded_at IS NOT NULL)",
)
# Each account by the last stretch that had begun; what only now is known of it is empty.
_ACCOUNTS: Final = f"""
    SELECT DISTINCT ON (v.gateway, v.account) v.gateway, v.account, v.state, v.from_time AS since, v.reason,
           NULL AS last_alive_at, NULL AS catch_up, NULL AS clock_skew
    FROM recon.coverage_as_of{ARGUMENTS} AS v
    WHERE {{where}}
    ORDER BY v.gateway, v.account, v.from_seq DESC
"""  # noqa: S608 - our own

#: The stretches, as a person can run it.
PAST_SQL: Final = f"""SELECT c.* FROM recon.coverage_as_of{ARGUMENTS} AS c
WHERE (CAST(:gateway AS text) IS NULL OR c.gateway = :gateway)
  AND (CAST(:account AS text) IS NULL OR c.account = :account)
ORDER BY c.gateway, c.account, c.from_seq"""  # noqa: S608 - our own


class PastCoverage(NamedTuple):
    """Coverage as of a past time: what a document has, and each account's strip."""

    document: Mapping[str, Sequence[Row]]
    strips: Mapping[tuple[object, object], Sequence[Stretch]]


def read_past_coverage(
    source: Source,
    as_of: AsOf,
    *,
    gateway: str | None,
    account: str | None,
    since: datetime,
    until: datetime,
    every: bool,
) -> PastCoverage:
    """Return the coverage of accounts between two times; `until` is the earlier one of those that are asked for."""
    place, where = place_of(gateway, account)
    given = {**place, **as_of.parameters}
    times = {"since": since, "now": until, "sign_of_life": SIGN_OF_LIFE}
    within = _STRETCHES.format(where=where)
    accounts = query_rows(source, _ACCOUNTS.format(where=where), given)
    stretches = listed(source, within, {**given, **times})
    uncovered = [row for row in stretches if row["state"] != "covered"]
    rows = CoverageRows(accounts, uncovered, [])
    document = {
        "gateways": [],
        "accounts": with_shares(source, accounts, within, {**given, **times}),
        "gaps": gaps.gaps(rows, since=since, every=False),
        "stretches": stretches if every else uncovered,
        "open_questions": [],
    }
    return PastCoverage(document, _strips(stretches, until))


def _strips(stretches: Sequence[Row], until: datetime) -> dict[tuple[object, object], list[Stretch]]:
    strips: dict[tuple[object, object], list[Stretch]] = {}
    for row in stretches:
        begin, end = row["from_time"], row["until_time"] or until
        if isinstance(begin, datetime) and isinstance(end, datetime):
            strips.setdefault((row["gateway"], row["account"]), []).append(Stretch(begin, end, str(row["state"])))
    return strips
