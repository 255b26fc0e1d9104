-- No row moves, and no guard is ever lifted: the table that takes what has no partition becomes a partition itself.
CREATE FUNCTION recon_store.close_partition(p_last_seq bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_first bigint;
    v_name  text;
BEGIN
    LOCK TABLE recon_store.log_events IN ACCESS EXCLUSIVE MODE;
    SELECT p.first_seq INTO v_first FROM recon.log_partitions AS p WHERE p.last_seq IS NULL;
    IF v_first > p_last_seq THEN
        RETURN false;
    END IF;
    v_name := 'log_events_from_' || v_first;
    ALTER TABLE recon_store.log_events DETACH PARTITION recon_store.log_events_beyond;
    EXECUTE format('ALTER TABLE recon_store.log_events_beyond RENAME TO %I', v_name);
    PERFORM recon_store.attach_partition(v_name, v_first, p_last_seq);
    EXECUTE format('ALTER TABLE recon_store.%I DROP CONSTRAINT IF EXISTS ck_log_events_until', v_name);
    PERFORM recon_store.new_partition('log_events_beyond');
    PERFORM recon_store.attach_partition('log_events_beyond', p_last_seq + 1, NULL);
    RETURN true;
END $$;

COMMENT ON FUNCTION recon_store.close_partition IS
    'Ends the last partition of the log at a log position, and begins a new one beyond it; false: it has ended before';

REVOKE ALL ON FUNCTION recon_store.close_partition FROM PUBLIC;
