"""What was told, the newest first, and how each channel does."""

from __future__ import annotations

from typing import Final

from recon.reads.query import Query

#: Most signals of a screen.
MAX_SIGNALS: Final = 100

COLUMNS: Final = {
    "gateway": "a.gateway",
    "account": "a.account",
    "unit": "a.unit",
    "cause": "a.cause",
    "severity": "a.severity",
    "case": "a.case_id",
    "since": "a.occurred_at",
    "until": "a.occurred_at",
}
SIGNALS: Final = """
SELECT a.occurred_at, a.kind, a.event, a.gateway, a.id, a.break_id, a.case_id, a.seq, a.account, a.unit, a.amount,
       a.amount_usd, a.cause, a.severity, a.actor, a.state, a.messages, a.channels, a.routed_at,
       a.document ->> 'detail' AS detail
FROM recon.alerts AS a
WHERE {where}
ORDER BY a.occurred_at DESC, a.gateway, a.id
LIMIT :limit"""
#: The last day of each channel; the time from queueing to delivery.
CHANNELS: Final = Query("""
SELECT d.channel,
       count(*) FILTER (WHERE d.state = 'delivered') AS sent,
       count(*) FILTER (WHERE d.state IN ('waiting', 'retrying')) AS waiting,
       count(*) FILTER (WHERE d.state = 'failed') AS failed,
       count(*) FILTER (WHERE d.state = 'channel_gone') AS gone,
       count(*) FILTER (WHERE d.state = 'retrying') AS retrying,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY d.delivered_at - d.created_at)
           FILTER (WHERE d.state = 'delivered') AS p99,
       max(d.delivered_at) AS delivered_at,
       (array_agg(d.last_error ORDER BY d.created_at DESC) FILTER (WHERE d.last_error IS NOT NULL
           AND d.state <> 'delivered'))[1] AS last_error
FROM recon.deliveries AS d
WHERE d.created_at >= now() - interval '1 day' OR d.state NOT IN ('delivered', 'failed')
GROUP BY d.channel
ORDER BY d.channel""")
