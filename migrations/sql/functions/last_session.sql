-- For views: whether a gateway is connected is known to whoever sees an account of it; sessions are of no account.
CREATE FUNCTION recon_store.last_session(
    p_gateway text, OUT seq bigint, OUT recorded_at timestamptz, OUT kind text, OUT session text, OUT note json)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF recon_store.sees_gateway(p_gateway) THEN
        SELECT e.seq, e.recorded_at, e.kind, e.session,
               CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END
            INTO last_session.seq, last_session.recorded_at, last_session.kind, last_session.session, last_session.note
            FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway AND e.kind IN ('session.opened', 'session.closed', 'session.failed')
            ORDER BY e.seq DESC LIMIT 1;
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.last_session IS
    'The last event of a gateway that tells of its connection; nulls: there is none';

REVOKE ALL ON FUNCTION recon_store.last_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.last_session TO recon_analyst, recon_service, recon_operator;
