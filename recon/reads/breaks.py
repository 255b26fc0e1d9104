"""Breaks, and cases of them: where reported and expected disagree, why, and who has it."""

from __future__ import annotations

from typing import Final

from recon.reads.filter import VALUES
from recon.reads.read import Read

#: By what breaks are narrowed; `since` is of the origin, from which their age counts.
_FILTERS: Final = {
    "gateway": "b.gateway",
    "account": "b.account",
    "unit": "b.unit",
    "cause": "b.cause",
    "certainty": "b.certainty",
    "state": "b.state",
    "severity": "b.severity",
    "who": "b.assignee",
    "case": f"EXISTS (SELECT 1 FROM unnest({VALUES}) AS k (start) WHERE starts_with(b.case_id, k.start))",  # noqa: S608
    "since": "coalesce(b.origin_at, b.opened_at)",
    "until": "coalesce(b.origin_at, b.opened_at)",
}
OPEN_BREAKS: Final = Read(
    name="breaks",
    select="SELECT b.* FROM recon.open_breaks AS b",
    filters=_FILTERS,
    order="b.opened_at, b.gateway, b.id",
)
ALL_BREAKS: Final = Read(
    name="breaks",
    select="SELECT b.* FROM recon.breaks AS b",
    filters=_FILTERS,
    order="b.opened_at, b.gateway, b.id",
)

#: Of a case its legs: the open ones, or where it is over, all. Shown first is what needs somebody, by worth.
_CASES: Final = """
SELECT
    c.*,
    CASE
        WHEN c.state NOT IN ('open', 'assigned', 'investigating', 'proposed', 'accepted') THEN c.state
        WHEN c.digests IS NOT NULL THEN 'to approve'
        WHEN c.state = 'open' AND c.who IS NULL THEN 'take up'
        ELSE 'in work'
    END AS need
FROM (
    SELECT
        b.case_id,
        b.gateway,
        string_agg(DISTINCT b.account, ', ') AS account,
        array_agg(b.id ORDER BY b.after_seq, b.id) AS ids,
        array_agg(b.amount ORDER BY b.after_seq, b.id) AS amounts,
        array_agg(b.unit ORDER BY b.after_seq, b.id) AS units,
        CASE WHEN count(*) = count(b.amount_usd) THEN sum(abs(b.amount_usd)) END AS amount_usd,
        (array_agg(b.cause ORDER BY b.after_seq, b.id))[1] AS cause,
        (array_agg(b.certainty ORDER BY b.after_seq, b.id))[1] AS certainty,
        (array_agg(b.severity ORDER BY array_position(
            ARRAY['info', 'low', 'medium', 'high', 'critical'], b.severity
        ) DESC NULLS LAST))[1] AS severity,
        min(coalesce(b.origin_at, b.opened_at)) AS since,
        (array_agg(b.state ORDER BY array_position(
            ARRAY['open', 'assigned', 'investigating', 'proposed', 'accepted', 'resolved', 'explained', 'cleared'],
            b.state
        )))[1] AS state,
        nullif(string_agg(DISTINCT b.assignee, ', '), '') AS who,
        string_agg(DISTINCT CASE WHEN b.state = 'proposed' THEN b.proposal ->> 'login' END, ', ') AS proposed_by,
        array_agg(DISTINCT b.proposal ->> 'digest') FILTER (WHERE b.state = 'proposed') AS digests,
        min(b.opened_at) AS opened_at,
        max(b.closed_at) AS closed_at
    FROM {view} AS b
    JOIN (SELECT DISTINCT b.gateway, b.case_id FROM {view} AS b {{where}}) AS w
        ON (w.gateway, w.case_id) = (b.gateway, b.case_id)
    GROUP BY b.case_id, b.gateway
) AS c"""
_CASES_ORDER: Final = (
    "CASE WHEN c.digests IS NOT NULL THEN 1 WHEN c.state = 'open' AND c.who IS NULL THEN 2 ELSE 3 END,"
    " c.amount_usd DESC NULLS FIRST, c.since, c.gateway, c.case_id"
)
OPEN_CASES: Final = Read(
    name="cases", select=_CASES.format(view="recon.open_breaks"), filters=_FILTERS, order=_CASES_ORDER
)
ALL_CASES: Final = Read(
    name="cases",
    select=_CASES.format(view="recon.breaks"),
    filters=_FILTERS,
    order="c.opened_at, c.gateway, c.case_id",
)
