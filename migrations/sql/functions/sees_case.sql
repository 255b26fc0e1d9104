CREATE FUNCTION recon_store.sees_case(p_gateway text, p_case text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(bool_and(recon.sees(b.gateway, b.account)), false)
        FROM recon_store.breaks AS b
        JOIN recon_store.editions AS c ON c.gateway = b.gateway AND c.edition = b.edition AND c.state = 'current'
        WHERE b.case_id = p_case AND (p_gateway IS NULL OR b.gateway = p_gateway)
    );
END $$;

COMMENT ON FUNCTION recon_store.sees_case IS
    'Whether the login may see the accounts of all breaks of a case; without a gateway: of whichever has the case';

REVOKE ALL ON FUNCTION recon_store.sees_case FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.sees_case TO recon_analyst, recon_service, recon_operator;
