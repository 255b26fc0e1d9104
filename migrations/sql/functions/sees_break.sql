CREATE FUNCTION recon_store.sees_break(p_gateway text, p_edition integer, p_break text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM recon_store.breaks AS b
        WHERE b.gateway = p_gateway AND b.edition = p_edition AND b.id = p_break
          AND recon.sees(b.gateway, b.account)
    );
END $$;

COMMENT ON FUNCTION recon_store.sees_break IS 'Whether the login may see the account of a break of an edition';

REVOKE ALL ON FUNCTION recon_store.sees_break FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.sees_break TO recon_analyst, recon_service, recon_operator;
