CREATE FUNCTION recon_store.sees_gateway(p_gateway text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN recon.sees(p_gateway, '') OR EXISTS (
        SELECT FROM recon_store.accounts AS a WHERE a.gateway = p_gateway AND recon.sees(a.gateway, a.account)
    );
END $$;

COMMENT ON FUNCTION recon_store.sees_gateway IS
    'Whether the login may see an account of a gateway that the gateway has named';

REVOKE ALL ON FUNCTION recon_store.sees_gateway FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.sees_gateway TO recon_analyst, recon_service, recon_operator;
