CREATE FUNCTION recon_store.rules_waiting(p_gateway text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.payload FROM (
        SELECT l.seq, l.kind, l.payload FROM recon_store.log_events AS l
        WHERE l.gateway = p_gateway AND l.kind IN ('rules', 'rules.proposed') ORDER BY l.seq DESC LIMIT 1
    ) AS r
    WHERE r.kind = 'rules.proposed' AND NOT EXISTS (
        SELECT FROM recon_store.log_events AS e
        WHERE e.gateway = p_gateway AND e.kind = 'decision' AND e.seq > r.seq
          -- The CASE keeps any other payload from being read at all.
          AND CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END
              ->> 'action' IN ('approve_rules', 'reject_rules'))
$$;

COMMENT ON FUNCTION recon_store.rules_waiting IS
    'The rules that loosen something and wait for a person to decide; null: none';

REVOKE ALL ON FUNCTION recon_store.rules_waiting FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.rules_waiting TO recon_service, recon_operator;
