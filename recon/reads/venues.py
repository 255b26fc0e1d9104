"""The last answer of each venue that recon asks itself, and what came of it (operator 4.5.2)."""

from __future__ import annotations

from typing import Final

from recon.reads.read import Read

#: By account and question. What is older than seven days is no last answer: nobody asks any more.
VENUES: Final = Read(
    name="venues",
    select="""
SELECT v.gateway, v.account, v.venue, v.question, v.at, v.amounts, v.trades, c.agreed, c.pending, c.differ,
       c.not_judged, v.problem, w.at AS answered_at, v.seq
FROM (
    SELECT DISTINCT ON (a.gateway, a.account, a.question) a.*
    FROM recon.venue_answers AS a WHERE a.recorded_at > now() - interval '7 days'
    ORDER BY a.gateway, a.account, a.question, a.seq DESC
) AS v
LEFT JOIN (
    SELECT g.gateway, g.account, g.question, max(g.at) AS at FROM recon.venue_answers AS g
    WHERE g.recorded_at > now() - interval '7 days' AND g.problem IS NULL
    GROUP BY g.gateway, g.account, g.question
) AS w ON (w.gateway, w.account, w.question) = (v.gateway, v.account, v.question)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE s.verdict = 'agreed') AS agreed,
           count(*) FILTER (WHERE s.verdict = 'pending') AS pending,
           count(*) FILTER (WHERE s.verdict = 'break') AS differ,
           count(*) FILTER (WHERE s.verdict = 'not_judged') AS not_judged
    FROM recon_exact.source_checks AS s WHERE s.gateway = v.gateway AND s.seq = v.seq
) AS c""",
    filters={"gateway": "v.gateway", "account": "v.account"},
    sorts={name: f"v.{name}" for name in ("gateway", "account", "venue", "question", "at", "seq")},
    order="v.gateway, v.account, v.question",
)
