-- The one rule for where a gap begins and ends, now and as of a past time. Each stretch needs only the gap after it,
-- so whoever reads a few stretches reads no others.
CREATE FUNCTION recon.coverage_known(p_gateway text, known_seq bigint DEFAULT NULL)
RETURNS TABLE (
    gateway text, account text, from_seq bigint, until_seq bigint, from_time timestamptz, until_time timestamptz,
    state text, reason text, recorded_time timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        r.gateway,
        r.account,
        r.from_seq,
        CASE WHEN p.one_event THEN r.from_seq WHEN n.ended THEN r.until_seq END,
        CASE
            WHEN p.one_event OR r.state = 'gap' THEN coalesce(r.alive_time, r.from_time)
            ELSE least(r.from_time, n.alive_time)
        END,
        CASE WHEN p.one_event THEN r.from_time WHEN n.ended THEN least(r.until_time, n.alive_time) END,
        CASE WHEN p.one_event OR n.gap_seq <= r.from_seq THEN 'gap' ELSE r.state END,
        CASE
            WHEN p.one_event THEN (
                SELECT k.reason
                FROM recon.catch_ups AS k
                WHERE (k.gateway, k.account) = (r.gateway, r.account) AND k.from_seq <= r.from_seq
                ORDER BY k.from_seq DESC
                LIMIT 1
            )
            WHEN r.state <> 'gap' AND n.gap_seq <= r.from_seq THEN 'lost again before it was caught up with'
            ELSE r.reason
        END,
        r.from_time
    FROM recon.coverage_recorded AS r
    -- A gap of one event has no stretch of its own.
    JOIN (VALUES (false), (true)) AS p (one_event)
        ON NOT p.one_event OR (r.state <> 'gap' AND r.alive_time < r.from_time)
    CROSS JOIN LATERAL (
        SELECT
            coalesce(r.until_seq <= k.seq, false) AS ended,
            -- The next gap that is known takes what lies after the last sign of life before it.
            CASE WHEN r.next_seq <= k.seq THEN r.next_alive_time END AS alive_time,
            CASE WHEN r.next_seq <= k.seq THEN r.next_gap_seq END AS gap_seq
        FROM (VALUES (coalesce(coverage_known.known_seq, 9223372036854775807))) AS k (seq)
    ) AS n
    WHERE r.gateway = coverage_known.p_gateway
      AND (coverage_known.known_seq IS NULL OR r.from_seq <= coverage_known.known_seq)
$$;

COMMENT ON FUNCTION recon.coverage_known IS
    'The coverage of the accounts of a gateway, as known at a log position (null: now). A gap begins at the last sign of '
    'life before it. It ends when the account is heard again for good: what is lost again before it is caught up with '
    'prolongs it. A gap of one event has an until_seq that is its from_seq. recorded_time: when the log told of it, which '
    'bounds a search';

REVOKE ALL ON FUNCTION recon.coverage_known FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.coverage_known TO recon_analyst, recon_service, recon_operator;
