CREATE FUNCTION recon.coverage_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, from_seq bigint, until_seq bigint, from_time timestamptz, until_time timestamptz,
    state text, reason text, lasted interval)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        c.gateway, c.account, c.from_seq,
        CASE WHEN e.ended THEN c.until_seq END,
        c.from_time,
        CASE WHEN e.ended THEN c.until_time END,
        c.state, c.reason,
        CASE WHEN e.ended THEN c.until_time - c.from_time END
    FROM recon.coverage AS c
    JOIN recon.log_as_of(coverage_as_of.known_at) AS k ON k.gateway = c.gateway
    CROSS JOIN LATERAL (
        SELECT coalesce(c.until_seq <= k.seq AND c.until_time <= coalesce(coverage_as_of.valid_at, now()), false)
            AS ended
        FROM (VALUES (1)) AS one
    ) AS e
    WHERE c.from_time <= coalesce(coverage_as_of.valid_at, now()) AND c.from_seq <= k.seq
$$;

COMMENT ON FUNCTION recon.coverage_as_of IS
    'The stretches of coverage that had begun by valid_at, as known at known_at (null: now), with the columns of '
    'coverage but recovery; one that ended later, or was not known to have ended, is going on. A gap begins at the '
    'last sign of life and is known some seconds later';

REVOKE ALL ON FUNCTION recon.coverage_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.coverage_as_of TO recon_analyst, recon_service, recon_operator;
