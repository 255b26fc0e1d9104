CREATE FUNCTION recon_store.sees_signals(p_signals text[]) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN recon.sees('', '') OR (
        SELECT count(*) > 0 AND count(*) = cardinality(p_signals) AND bool_and(recon.sees(s.gateway, s.account))
        FROM recon_store.signals AS s
        WHERE s.id = ANY(p_signals)
    );
END $$;

COMMENT ON FUNCTION recon_store.sees_signals IS
    'Whether the login may see the account of each of these signals; a message of none is seen by who sees everything';

REVOKE ALL ON FUNCTION recon_store.sees_signals FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.sees_signals TO recon_analyst, recon_service, recon_operator;
