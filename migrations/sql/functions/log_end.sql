-- For views: how far the log of a gateway goes is known to whoever sees an account of it, also where its last event is
-- of another account.
CREATE FUNCTION recon_store.log_end(
    p_gateway text, OUT seq bigint, OUT recorded_at timestamptz, OUT appended_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF recon_store.sees_gateway(p_gateway) THEN
        SELECT e.seq, e.recorded_at, e.appended_at INTO log_end.seq, log_end.recorded_at, log_end.appended_at
            FROM recon_store.log_events AS e WHERE e.gateway = p_gateway ORDER BY e.seq DESC LIMIT 1;
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.log_end IS 'The last log position of a gateway and its times; nulls: there is none';

REVOKE ALL ON FUNCTION recon_store.log_end FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.log_end TO recon_analyst, recon_service, recon_operator;
