CREATE FUNCTION recon.log_at(gateway text, seq bigint, OUT recorded_at timestamptz, OUT digest text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF recon_store.sees_gateway(log_at.gateway) THEN
        -- Of archived events the database has only some: the time is that of the last one that it has.
        SELECT e.recorded_at, CASE e.seq WHEN log_at.seq THEN encode(e.digest, 'hex') END
            INTO log_at.recorded_at, log_at.digest
            FROM recon_store.log_events AS e WHERE e.gateway = log_at.gateway AND e.seq <= log_at.seq
            ORDER BY e.seq DESC LIMIT 1;
    END IF;
END $$;

COMMENT ON FUNCTION recon.log_at IS
    'When a log position was recorded, and the digest of the log there, in hex; nulls: there is none. Of a gateway '
    'whose accounts the login may see, also where the event itself is of another account';

REVOKE ALL ON FUNCTION recon.log_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.log_at TO recon_analyst, recon_service, recon_operator;
