CREATE FUNCTION recon_exact.units_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, unit_kind text, unit text, coinapi text, value numeric, opening numeric, fills numeric,
    expected numeric, explained numeric, reported numeric, drift numeric, unexplained numeric, verdict text,
    observed_at timestamptz, cut_seq bigint, reason text, open_breaks bigint, venue_account text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        u.gateway, u.account, u.unit_kind, u.unit, u.coinapi, w.value, w.opening,
        coalesce(p.expected, k.expected) - w.opening, coalesce(p.expected, k.expected),
        coalesce(p.explained, k.explained), coalesce(p.reported, k.reported), coalesce(p.drift, k.drift),
        coalesce(p.unexplained, k.unexplained),
        CASE
            WHEN p.verdict IS NULL AND k.verdict IS NULL THEN 'unobserved'
            WHEN coalesce(p.verdict, k.verdict) <> 'unmodelled' AND c.state NOT IN ('covered', 'unresolved') THEN 'stale'
            ELSE coalesce(p.verdict, k.verdict)
        END,
        coalesce(p.at, k.at), coalesce(p.seq, k.seq),
        coalesce(
            w.reason,
            CASE WHEN p.verdict IS NULL AND k.verdict IS NULL THEN 'never reported by then' END,
            CASE
                WHEN coalesce(p.verdict, k.verdict) <> 'unmodelled' AND c.state NOT IN ('covered', 'unresolved')
                    THEN c.why
            END
        ),
        coalesce(b.open, 0),
        u.venue_account
    FROM recon.units AS u
    CROSS JOIN LATERAL recon_exact.unit_as_of(
        u.gateway, u.edition, u.account, u.unit_kind, u.unit,
        coalesce(units_as_of.valid_at, now()), coalesce(units_as_of.known_at, now())
    ) AS w
    -- Of a minute that is not over no history has the last observation yet: it is taken where both times reach it.
    LEFT JOIN (
        SELECT x.*
        FROM recon_exact.latest_observations AS x
        JOIN recon.log_as_of(least(
            coalesce(units_as_of.known_at, now()),
            date_trunc('minute', coalesce(units_as_of.valid_at, now())) + interval '59.999999 seconds'
        )) AS l ON l.gateway = x.gateway AND l.seq >= x.judged_seq
        -- What is pending may be a race.
        WHERE x.at <= coalesce(units_as_of.valid_at, now()) AND x.verdict <> 'pending'
    ) AS p ON p.gateway = u.gateway AND p.account = u.account AND p.unit_kind = u.unit_kind AND p.unit = u.unit
    LEFT JOIN LATERAL (
        SELECT x.at, x.seq, x.reported, x.expected, x.explained, x.drift, x.unexplained, x.verdict
        FROM recon_exact.observations AS x
        WHERE p.at IS NULL
          AND x.gateway = u.gateway AND x.edition = u.edition AND x.account = u.account
          AND x.unit_kind = u.unit_kind AND x.unit = u.unit
          -- Nothing is judged before it is observed.
          AND x.at <= least(coalesce(units_as_of.valid_at, now()), coalesce(units_as_of.known_at, now()))
          AND x.judged_at <= coalesce(units_as_of.known_at, now())
        ORDER BY x.at DESC, x.judged_seq DESC
        LIMIT 1
    ) AS k ON true
    LEFT JOIN (
        SELECT DISTINCT ON (x.gateway, x.account)
            x.gateway, x.account, x.state, x.state || coalesce(', ' || x.reason, '') AS why
        FROM recon.coverage_as_of(units_as_of.valid_at, units_as_of.known_at) AS x
        ORDER BY x.gateway, x.account, x.from_seq DESC
    ) AS c ON c.gateway = u.gateway AND c.account = u.account
    LEFT JOIN (
        SELECT x.gateway, x.account, x.unit_kind, x.unit, count(*) AS open
        FROM recon_exact.breaks_as_of(units_as_of.valid_at, units_as_of.known_at) AS x
        WHERE x.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
        GROUP BY x.gateway, x.account, x.unit_kind, x.unit
    ) AS b ON b.gateway = u.gateway AND b.account = u.account AND b.unit_kind = u.unit_kind AND b.unit = u.unit
    -- A unit that came up later is not in the list.
    WHERE coalesce(p.at, k.at) IS NOT NULL OR w.reason IS DISTINCT FROM 'nothing was known of it by then'
$$;

COMMENT ON FUNCTION recon_exact.units_as_of IS
    'One row per asset and contract of an account that was known by then: the books at valid_at as known at known_at (null: now), and the last '
    'observation of until then as judged by then. value: sum of the entries that happened by valid_at and were recorded '
    'by known_at; null before an opening, see reason. expected, explained, reported, drift, unexplained and cut_seq are '
    'of the observation at observed_at, as in observations, which keeps the last of each full minute in which the unit '
    'moved; where the times reach the last minute of the log, as in latest_observations; fills is '
    'expected - opening. verdict: unobserved, unmodelled, stale, break, pending or agreed; reason: why value is null, '
    'or why it is unobserved or stale';

REVOKE ALL ON FUNCTION recon_exact.units_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.units_as_of TO recon_analyst, recon_service, recon_operator;
