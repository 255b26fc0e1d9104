"""Breaks, and cases of them: where reported and expected disagree, why, and who has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recon.reads.as_of import ARGUMENTS
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
#: What is not kept of the past: how sure and how bad a break was, who had it, and its worth.
_NOT_KEPT: Final = ("certainty", "severity", "who")
_PAST_FILTERS: Final = {name: column for name, column in _FILTERS.items() if name not in _NOT_KEPT}
#: Breaks as they were, in the place of the view of all, and of the view of open ones.
_PAST: Final = f"recon_exact.breaks_as_of{ARGUMENTS}"
_IS_OPEN: Final = "b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')"
_ORDER: Final = "b.opened_at, b.gateway, b.id"

_BREAKS: Final = "SELECT b.* FROM {view} AS b"


def _breaks(view: str, filters: Mapping[str, str], *, always: str = "", past: Read | None = None) -> Read:
    """Return the list of single breaks over a view."""
    return Read(
        name="breaks", select=_BREAKS.format(view=view), filters=filters, order=_ORDER, always=always, past=past
    )


OPEN_BREAKS: Final = _breaks("recon_exact.open_breaks", _FILTERS, past=_breaks(_PAST, _PAST_FILTERS, always=_IS_OPEN))
ALL_BREAKS: Final = _breaks("recon_exact.breaks", _FILTERS, past=_breaks(_PAST, _PAST_FILTERS))

#: What a person sees of the breaks of cases when they decide: all of them, also those that are over.
SHOWN_BREAKS: Final = """
SELECT b.id, b.case_id, b.gateway, b.account, b.unit, b.state, b.cause, b.amount, b.assignee, b.accepted_until,
       b.proposal, b.until_seq
FROM recon_exact.breaks AS b WHERE b.case_id = ANY(CAST(:cases AS text[])) ORDER BY b.gateway, b.case_id, b.id"""

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
        (
            SELECT string_agg(u.cause, ', ' ORDER BY u.place)
            FROM (
                SELECT t.cause, min(t.place) AS place
                FROM unnest(array_agg(b.cause ORDER BY b.after_seq, b.id)) WITH ORDINALITY AS t (cause, place)
                GROUP BY t.cause
            ) AS u
        ) AS cause,
        -- Of several causes each has its own.
        CASE WHEN count(DISTINCT (b.cause, b.certainty)) = 1 THEN min(b.certainty) END AS certainty,
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
#: Who had a case, and its worth, are not kept of the past.
_PAST_ORDER: Final = "c.since, c.gateway, c.case_id"
#: Breaks as they were, with nothing in the columns that are not kept.
_PAST_LEGS: Final = """(
        SELECT b.*, NULL::numeric AS amount_usd, NULL AS certainty, NULL AS severity, NULL AS assignee,
               NULL::jsonb AS proposal
        FROM {past} AS b {where}
    )"""
_OVER_ORDER: Final = "c.opened_at, c.gateway, c.case_id"


def _cases(view: str, filters: Mapping[str, str], order: str, past: Read | None = None) -> Read:
    """Return the list of cases over a view of breaks."""
    return Read(name="cases", select=_CASES.format(view=view), filters=filters, order=order, past=past)


OPEN_CASES: Final = _cases(
    "recon_exact.open_breaks",
    _FILTERS,
    _CASES_ORDER,
    _cases(_PAST_LEGS.format(past=_PAST, where=f"WHERE {_IS_OPEN}"), _PAST_FILTERS, _PAST_ORDER),
)
ALL_CASES: Final = _cases(
    "recon_exact.breaks",
    _FILTERS,
    _OVER_ORDER,
    _cases(_PAST_LEGS.format(past=_PAST, where=""), _PAST_FILTERS, _OVER_ORDER),
)
