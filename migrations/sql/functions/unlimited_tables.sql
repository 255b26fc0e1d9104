CREATE FUNCTION recon_store.unlimited_tables() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT c.relname::text
    FROM pg_policy AS p
    JOIN pg_class AS c ON c.oid = p.polrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'recon_store'
    WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)
    ORDER BY 1
$$;

COMMENT ON FUNCTION recon_store.unlimited_tables IS
    'The tables that have a policy which does not hold: all of them as long as no login is limited';

REVOKE ALL ON FUNCTION recon_store.unlimited_tables FROM PUBLIC;
