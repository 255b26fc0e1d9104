-- Decisions and facts are refused: the database says who they come from, so decide is their only way into the log.
-- With a term, the batch is appended only if this session holds the gateway's lease of that term.
CREATE FUNCTION recon_store.append(
    p_gateway text, p_writer uuid, p_batch bigint, p_now_us bigint,
    p_kinds text[], p_accounts text[], p_sessions text[], p_received_us bigint[], p_redacted boolean[],
    p_payloads bytea[], p_term bigint DEFAULT NULL,
    OUT first_seq bigint, OUT last_seq bigint, OUT recorded_us bigint, OUT repeated boolean, OUT clock_us bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_kinds && ARRAY['decision', 'fact'] THEN
        RAISE EXCEPTION 'decisions and facts are recorded by recon_store.decide, which tells who they come from'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT a.first_seq, a.last_seq, a.recorded_us, a.repeated, a.clock_us
        INTO first_seq, last_seq, recorded_us, repeated, clock_us
        FROM recon_store.append_any(p_gateway, p_writer, p_batch, p_now_us, p_kinds, p_accounts, p_sessions,
                                    p_received_us, p_redacted, p_payloads) AS a;
    -- The gateway's row is locked by now, so nobody takes the lease before this commits.
    IF p_term IS NOT NULL AND NOT EXISTS (
        SELECT FROM recon_store.leases AS l
        WHERE l.gateway = p_gateway AND l.purpose = 'record' AND l.term = p_term AND l.pid = pg_backend_pid()
          AND l.writer = p_writer) THEN
        RAISE EXCEPTION 'this session does not hold the lease any more' USING ERRCODE = 'lock_not_available';
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.append IS
    'The way into the log for everything but what people decide or tell: numbers, stamps, digests and commits one '
    'named batch, or returns its earlier result';

REVOKE ALL ON FUNCTION recon_store.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.append TO recon_service;
