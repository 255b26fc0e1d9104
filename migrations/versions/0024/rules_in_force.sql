CREATE FUNCTION recon_store.rules_in_force(p_gateway text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.payload FROM recon_store.log_events AS r
    WHERE r.gateway = p_gateway AND r.kind IN ('rules', 'rules.proposed') AND (r.kind = 'rules' OR EXISTS (
        SELECT FROM recon_store.log_events AS e
        WHERE e.gateway = r.gateway AND e.kind = 'decision' AND e.seq > r.seq
          -- The CASE keeps any other payload from being read at all.
          AND CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END
              @> jsonb_build_object('action', 'approve_rules', 'rules_digest', encode(sha256(r.payload), 'hex'))))
    ORDER BY r.seq DESC LIMIT 1
$$;

COMMENT ON FUNCTION recon_store.rules_in_force IS
    'The rules that decide for a gateway at the end of its log; null: none';

REVOKE ALL ON FUNCTION recon_store.rules_in_force FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.rules_in_force TO recon_service, recon_operator;
