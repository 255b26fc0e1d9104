CREATE FUNCTION recon.rules_logged(gateway text, known_seq bigint)
RETURNS TABLE (seq bigint, at timestamptz, digest text, kind text, looser text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT recon_store.sees_gateway(rules_logged.gateway) THEN
        RETURN;
    END IF;
    RETURN QUERY (
        SELECT e.seq, e.recorded_at, encode(sha256(e.payload), 'hex'), e.kind, NULL::text
        FROM recon_store.log_events AS e
        WHERE e.gateway = rules_logged.gateway AND e.kind = 'rules' AND e.seq <= rules_logged.known_seq
        ORDER BY e.seq DESC LIMIT 1
    ) UNION ALL (
        SELECT f.seq, e.recorded_at, f.about, f.kind,
               CASE WHEN recon.sees(rules_logged.gateway) THEN f.message END
        FROM recon_store.findings AS f
        JOIN recon_store.editions AS c ON c.gateway = f.gateway AND c.edition = f.edition AND c.state = 'current'
        JOIN recon_store.log_events AS e ON e.gateway = f.gateway AND e.seq = f.seq
        WHERE f.gateway = rules_logged.gateway AND f.seq <= rules_logged.known_seq
          AND f.kind IN ('rules_wait', 'rules_approved', 'rules_rejected')
        ORDER BY f.seq, f.number
    );
END $$;

COMMENT ON FUNCTION recon.rules_logged IS
    'What became of the rules of a gateway until a log position, in its order: the last ones that came into force at '
    'once (kind rules), and those that waited, were approved or rejected (rules_wait, rules_approved, rules_rejected), '
    'with their digest. looser: in what they are more permissive; null: in nothing, or the login sees a part of the '
    'gateway';

REVOKE ALL ON FUNCTION recon.rules_logged FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.rules_logged TO recon_analyst, recon_service, recon_operator;
