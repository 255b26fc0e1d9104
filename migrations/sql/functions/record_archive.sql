-- The files are proved by recon archive before; here what it says is held against the log itself.
CREATE FUNCTION recon_store.record_archive(
    p_gateway text, p_first_seq bigint, p_last_seq bigint, p_digest bytea, p_manifest text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_archived bigint;
    v_folded   bigint;
BEGIN
    LOCK TABLE recon_store.log_archives IN SHARE ROW EXCLUSIVE MODE;
    SELECT coalesce(max(a.last_seq), 0) INTO v_archived
        FROM recon_store.log_archives AS a WHERE a.gateway = p_gateway;
    IF p_first_seq <> v_archived + 1 OR p_last_seq < p_first_seq THEN
        RAISE EXCEPTION 'events % to % of gateway % do not follow the archived ones, which end at %', p_first_seq,
            p_last_seq, p_gateway, v_archived USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT EXISTS (SELECT FROM recon_store.log_events AS e
                   WHERE e.gateway = p_gateway AND e.seq = p_last_seq AND e.digest = p_digest) THEN
        RAISE EXCEPTION 'event % of gateway % has another digest in the log than in its archive', p_last_seq, p_gateway
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT EXISTS (SELECT FROM recon_store.log_events AS e WHERE e.gateway = p_gateway AND e.seq > p_last_seq) THEN
        RAISE EXCEPTION 'event % is the last one of gateway %, and the end of a log is never archived', p_last_seq,
            p_gateway USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT min(e.seq) INTO v_folded
        FROM recon_store.editions AS e WHERE e.gateway = p_gateway AND e.state <> 'retired';
    IF coalesce(v_folded, 0) < p_last_seq THEN
        RAISE EXCEPTION 'some books of gateway % are folded up to event % only, not to %', p_gateway,
            coalesce(v_folded, 0), p_last_seq USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO recon_store.log_archives (gateway, first_seq, last_seq, digest, manifest)
        VALUES (p_gateway, p_first_seq, p_last_seq, p_digest, p_manifest);
END $$;

COMMENT ON FUNCTION recon_store.record_archive IS
    'Records that a stretch of a log is in a file; drop_partition then may give it up. For the owner alone';

REVOKE ALL ON FUNCTION recon_store.record_archive FROM PUBLIC;
