-- A table that was empty a moment ago counts as one row for the planner, which then joins thousands with thousands one
-- by one. Autovacuum looks once a minute. A table is looked at again when it has doubled, so seldom.
CREATE FUNCTION recon_store.refresh_statistics() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_table name;
BEGIN
    FOR v_table IN
        SELECT s.relname FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
        WHERE s.schemaname = 'recon_store' AND c.relkind = 'r'
          AND s.n_mod_since_analyze >= greatest(1000, c.reltuples)
        ORDER BY s.relname
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) recon_store.%I', v_table);
        RETURN NEXT v_table;
    END LOOP;
END $$;

COMMENT ON FUNCTION recon_store.refresh_statistics IS
    'Has Postgres count each table that has doubled since it was counted last; returns their names';

REVOKE ALL ON FUNCTION recon_store.refresh_statistics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.refresh_statistics TO recon_service;
