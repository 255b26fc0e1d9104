"""Views of schema `recon` as of a past time, where it has no function for them: SQL of two times, as `reads.as_of`.

1. What is in the log, and what follows from the log alone, was known when it was recorded. So it is looked at as far as
   the earlier of the two times.
2. Columns that are not kept of a past time are left out; nothing of now stands for them.
"""

from __future__ import annotations

from typing import Final

from recon.reads.as_of import ARGUMENTS

#: The earlier of both times; a time that is not given is now.
HORIZON: Final = "least(CAST(:valid_at AS timestamptz), CAST(:known_at AS timestamptz), now())"
#: The last log position of each gateway then.
HEADS: Final = f"recon.log_as_of({HORIZON})"
_KNOWN: Final = "coalesce(CAST(:known_at AS timestamptz), now())"
_VALID: Final = "coalesce(CAST(:valid_at AS timestamptz), now())"
_OPEN: Final = "('open', 'assigned', 'investigating', 'proposed', 'accepted')"

EVENTS: Final = f"""
    SELECT e.* FROM recon.events AS e JOIN {HEADS} AS l ON l.gateway = e.gateway AND e.seq <= l.seq
"""  # noqa: S608 - our own

#: Nothing is judged before it is observed.
OBSERVATIONS: Final = f"""
    SELECT o.* FROM recon_exact.observations AS o WHERE o.at <= {HORIZON} AND o.judged_at <= {_KNOWN}
"""  # noqa: S608 - our own

#: The end of a log decides whether a gateway was silent then; a connection is what the log has of it.
GATEWAYS: Final = f"""
    SELECT
        g.name,
        CASE
            WHEN s.seq IS NULL THEN 'unconnected'
            WHEN s.event = 'failed' THEN 'failing'
            WHEN s.event = 'closed' THEN 'disconnected'
            WHEN h.recorded_at < {HORIZON} - interval '30 seconds' THEN 'silent'
            ELSE 'connected'
        END AS state,
        h.recorded_at AS last_event_at,
        coalesce(h.seq, 0) AS head_seq,
        s.recorded_at AS changed_at,
        s.reason,
        s.detail
    FROM recon.gateways AS g
    JOIN {HEADS} AS l ON l.gateway = g.name
    LEFT JOIN recon.events AS h ON h.gateway = g.name AND h.seq = l.seq
    LEFT JOIN LATERAL (
        SELECT x.seq, x.event, x.recorded_at, x.reason, x.detail FROM recon.sessions AS x
        WHERE x.gateway = g.name AND x.seq <= l.seq ORDER BY x.seq DESC LIMIT 1
    ) AS s ON true
"""  # noqa: S608 - our own

#: Each account by the last stretch of its coverage that had begun.
ACCOUNTS: Final = f"""
    SELECT DISTINCT ON (v.gateway, v.account) v.gateway, v.account, v.state, v.reason, v.from_time
    FROM recon.coverage_as_of{ARGUMENTS} AS v
    ORDER BY v.gateway, v.account, v.from_seq DESC
"""  # noqa: S608 - our own

CASES: Final = f"""
    SELECT
        b.case_id,
        b.gateway,
        array_agg(DISTINCT b.account ORDER BY b.account) AS accounts,
        count(*) AS breaks,
        count(*) FILTER (WHERE b.state IN {_OPEN}) AS open_breaks,
        (array_agg(b.cause ORDER BY b.after_seq, b.id))[1] AS cause,
        (array_agg(b.state ORDER BY array_position(
            ARRAY['open', 'assigned', 'investigating', 'proposed', 'accepted', 'resolved', 'explained', 'cleared'],
            b.state
        )))[1] AS state,
        min(b.opened_at) AS opened_at,
        ARRAY(
            SELECT u.cause
            FROM unnest(array_agg(b.cause ORDER BY b.after_seq, b.id)) WITH ORDINALITY AS u (cause, place)
            GROUP BY u.cause ORDER BY min(u.place)
        ) AS causes
    FROM recon_exact.breaks_as_of{ARGUMENTS} AS b
    GROUP BY b.case_id, b.gateway
"""  # noqa: S608 - our own

#: A signal as far as it was told then: what the policy had taken, and the messages that had been delivered.
ALERTS: Final = f"""
    SELECT
        a.gateway, a.id, a.kind, a.event, a.break_id, a.case_id, a.case_seq, a.seq, a.occurred_at, a.created_at,
        CASE WHEN a.routed_at <= {HORIZON} THEN a.routed_at END AS routed_at,
        CASE
            WHEN a.routed_at IS NULL OR a.routed_at > {HORIZON} THEN 'waiting'
            WHEN d.messages IS NULL THEN 'not_sent'
            WHEN d.pending > 0 THEN 'sending'
            WHEN d.delivered > 0 THEN 'delivered'
            ELSE 'failed'
        END AS state,
        coalesce(d.messages, 0) AS messages,
        coalesce(d.channels, CAST(ARRAY[] AS text[])) AS channels,
        a.account, a.unit_kind, a.unit, a.amount, a.amount_usd, a.cause, a.certainty, a.severity, a.actor, a.document
    FROM recon_exact.alerts AS a
    LEFT JOIN LATERAL (
        SELECT
            nullif(count(*), 0) AS messages,
            count(*) FILTER (WHERE least(m.delivered_at, m.failed_at) IS NULL
                OR least(m.delivered_at, m.failed_at) > {HORIZON}) AS pending,
            count(*) FILTER (WHERE m.delivered_at <= {HORIZON}) AS delivered,
            array_agg(DISTINCT m.channel ORDER BY m.channel) AS channels
        FROM recon.deliveries AS m
        WHERE m.signals @> ARRAY[a.id] AND m.at <= {HORIZON}
    ) AS d ON true
    WHERE a.occurred_at <= {HORIZON}
"""  # noqa: S608 - our own

#: What was told by then of times until then; it is pending until it was judged.
SOURCE_CHECKS: Final = f"""
    SELECT
        s.gateway, s.account, s.unit_kind, s.unit, s.source, s.at, s.seq, s.number, s.recorded_at, s.reported,
        CASE WHEN j.judged THEN s.expected END AS expected,
        CASE WHEN j.judged THEN s.drift END AS drift,
        CASE WHEN j.judged THEN s.verdict ELSE 'pending' END AS verdict,
        CASE WHEN j.judged THEN s.reason END AS reason,
        CASE WHEN j.judged THEN s.break_id END AS break_id,
        CASE WHEN j.judged THEN s.judged_seq END AS judged_seq,
        s.told_unit, s.absent, s.external_id
    FROM recon_exact.source_checks AS s
    JOIN recon.log_as_of({_KNOWN}) AS l ON l.gateway = s.gateway AND s.seq <= l.seq
    CROSS JOIN LATERAL (VALUES (coalesce(s.judged_seq <= l.seq, false))) AS j (judged)
    WHERE s.at <= {_VALID}
"""  # noqa: S608 - our own
