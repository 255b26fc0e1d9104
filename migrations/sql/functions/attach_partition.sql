CREATE FUNCTION recon_store.attach_partition(p_name text, p_first_seq bigint, p_last_seq bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_index record;
BEGIN
    EXECUTE format('ALTER TABLE recon_store.log_events ATTACH PARTITION recon_store.%I FOR VALUES FROM (%s) TO (%s)',
                   p_name, p_first_seq, coalesce((p_last_seq + 1)::text, 'MAXVALUE'));
    EXECUTE format('COMMENT ON TABLE recon_store.%I IS %L', p_name,
                   'A partition of the log: one stretch of seq, of every gateway');
    -- An index has its name from the log's, so that a plan says which one it is.
    FOR v_index IN
        SELECT c.relname AS present, p.relname || substr(p_name, 1 + length('log_events')) AS wanted
        FROM pg_index AS x
        JOIN pg_inherits AS i ON i.inhrelid = x.indexrelid
        JOIN pg_class AS c ON c.oid = i.inhrelid
        JOIN pg_class AS p ON p.oid = i.inhparent
        WHERE x.indrelid = format('recon_store.%I', p_name)::regclass
    LOOP
        IF v_index.present <> v_index.wanted THEN
            EXECUTE format('ALTER INDEX recon_store.%I RENAME TO %I', v_index.present, v_index.wanted);
        END IF;
    END LOOP;
END $$;

COMMENT ON FUNCTION recon_store.attach_partition IS
    'Attaches a table to the log for a stretch of seq (null: without end), and names its indexes';

REVOKE ALL ON FUNCTION recon_store.attach_partition FROM PUBLIC;
