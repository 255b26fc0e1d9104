"""What was told, the newest first, and how each channel does."""

from __future__ import annotations

from typing import Final

from recon.reads.as_of import AsOf
from recon.reads.past_views import ALERTS, HORIZON
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
_SIGNALS: Final = """
SELECT a.occurred_at, a.kind, a.event, a.gateway, a.id, a.break_id, a.case_id, a.seq, a.account, a.unit, a.amount,
       a.amount_usd, a.cause, a.severity, a.actor, a.state, a.messages, a.channels, a.routed_at,
       a.document ->> 'detail' AS detail
FROM {alerts} AS a
WHERE {{where}}
ORDER BY a.occurred_at DESC, a.gateway, a.id
LIMIT :limit"""
SIGNALS: Final = _SIGNALS.format(alerts="recon.alerts")
_PAST_SIGNALS: Final = _SIGNALS.format(alerts=f"({ALERTS})")
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

#: The day before a past time; how often a delivery was tried by then, and why it failed, is not kept.
_PAST_CHANNELS: Final = f"""
SELECT m.channel,
       count(*) FILTER (WHERE m.state = 'delivered') AS sent,
       count(*) FILTER (WHERE m.state = 'waiting') AS waiting,
       count(*) FILTER (WHERE m.state = 'failed') AS failed,
       0 AS gone, 0 AS retrying,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY m.delivered_at - m.created_at)
           FILTER (WHERE m.state = 'delivered') AS p99,
       max(m.delivered_at) FILTER (WHERE m.state = 'delivered') AS delivered_at,
       NULL AS last_error
FROM (
    SELECT d.channel, d.created_at, d.delivered_at,
           CASE WHEN d.delivered_at <= {HORIZON} THEN 'delivered' WHEN d.failed_at <= {HORIZON} THEN 'failed'
                ELSE 'waiting' END AS state
    FROM recon.deliveries AS d
    WHERE d.at <= {HORIZON}
      AND (d.at >= {HORIZON} - interval '1 day' OR least(d.delivered_at, d.failed_at) IS NULL
           OR least(d.delivered_at, d.failed_at) > {HORIZON})
) AS m
GROUP BY m.channel
ORDER BY m.channel"""  # noqa: S608 - ours


def signals_of(as_of: AsOf) -> str:
    """Return the SQL of the signals of a time, with `{where}` for a condition."""
    return _PAST_SIGNALS if as_of.is_past else SIGNALS


def channels_of(as_of: AsOf) -> Query:
    """Return how each channel did on the day before a time."""
    return Query(_PAST_CHANNELS, as_of.parameters) if as_of.is_past else CHANNELS
