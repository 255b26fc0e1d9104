CREATE FUNCTION recon.breaks_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    id text, case_id text, gateway text, account text, unit_kind text, unit text, cause text, state text,
    amount numeric, opened_at timestamptz, closed_at timestamptz, origin_at timestamptz, after_seq bigint,
    until_seq bigint, occurrences integer, seq bigint, at timestamptz, event text, reason text, actor text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        b.id, b.case_id, b.gateway, b.account, b.unit_kind, b.unit, h.cause, h.state, h.amount, h.opened_at,
        CASE WHEN h.state NOT IN ('open', 'assigned', 'investigating', 'proposed', 'accepted') THEN h.at END,
        CASE WHEN h.opened_at = h.last_opened_at THEN b.origin_at END,
        CASE WHEN h.opened_at = h.last_opened_at THEN b.after_seq END,
        CASE WHEN h.opened_at = h.last_opened_at THEN b.until_seq END,
        h.occurrences::integer, h.seq, h.at, h.event, h.reason, h.actor
    FROM recon.breaks AS b
    -- The step that held then: the last one of those that were known. The cause is what was known of it, whenever it
    -- was found.
    CROSS JOIN LATERAL (
        SELECT s.*
        FROM (
            SELECT
                x.seq, x.number, x.at, x.event, x.state, x.amount, x.reason, x.actor,
                max(x.at) FILTER (WHERE x.event = 'opened') OVER () AS last_opened_at,
                max(x.at) FILTER (WHERE x.event = 'opened') OVER until_it AS opened_at,
                count(*) FILTER (WHERE x.event = 'opened') OVER until_it AS occurrences,
                first_value(x.cause) OVER (
                    ORDER BY x.at <= coalesce(breaks_as_of.known_at, now()) DESC, x.seq DESC, x.number DESC
                ) AS cause
            FROM recon.break_history AS x
            WHERE x.gateway = b.gateway AND x.id = b.id
            WINDOW until_it AS (ORDER BY x.seq, x.number)
        ) AS s
        WHERE s.at <= coalesce(breaks_as_of.known_at, now())
          -- The last opening is known to hold since its origin.
          AND CASE WHEN s.event = 'opened' AND s.at = s.last_opened_at THEN least(b.origin_at, s.at) ELSE s.at END
              <= coalesce(breaks_as_of.valid_at, now())
        ORDER BY s.seq DESC, s.number DESC
        LIMIT 1
    ) AS h
$$;

COMMENT ON FUNCTION recon.breaks_as_of IS
    'The breaks that had their origin by valid_at, as known at known_at (null: now), with the columns of breaks that '
    'their history holds: state and amount as they were at valid_at, the cause as known by then. seq, at, event, '
    'reason and actor are of the step that held, as in break_history. A break that opened later counts from its '
    'origin. origin_at, after_seq and until_seq are null of an earlier occurrence of one that opened again';

REVOKE ALL ON FUNCTION recon.breaks_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.breaks_as_of TO recon_analyst, recon_service, recon_operator;
