CREATE FUNCTION recon.close_lines_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, business_day date, seq bigint, state text, unit_kind text, unit text,
    opening numeric, movements jsonb, moved numeric, expected numeric, reported numeric, reported_at timestamptz,
    timing numeric, drift numeric, verdict text, open_breaks integer, oldest_age interval, breaks jsonb, source text,
    source_at timestamptz, covered_throughout boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        r.gateway, r.account, r.business_day, r.seq,
        CASE WHEN c.restated_by <= l.seq THEN 'restated' WHEN c.second_seq <= l.seq THEN 'signed' ELSE 'waiting' END,
        r.unit_kind, r.unit, r.opening, r.movements, r.moved, r.expected, r.reported, r.reported_at, r.timing,
        r.drift, r.verdict, r.open_breaks, r.oldest_age, r.breaks, r.source, r.source_at, r.covered_throughout
    FROM recon.close_lines AS r
    JOIN recon.closes AS c ON c.gateway = r.gateway AND c.seq = r.seq
    JOIN recon.log_as_of(close_lines_as_of.known_at) AS l ON l.gateway = r.gateway
    WHERE c.cut_off <= coalesce(close_lines_as_of.valid_at, now()) AND r.seq <= l.seq
$$;

COMMENT ON FUNCTION recon.close_lines_as_of IS
    'The units of the closings of business days that had ended by valid_at, as far as they were signed by known_at '
    '(null: now), with the columns of close_lines; state is what it was then';

REVOKE ALL ON FUNCTION recon.close_lines_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.close_lines_as_of TO recon_analyst, recon_service, recon_operator;
