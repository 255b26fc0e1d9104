CREATE FUNCTION recon.sees(gateway text, account text DEFAULT '') RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sees.gateway, '') || chr(31) || coalesce(sees.account, '') LIKE ANY (recon_store.seen_accounts())
$$;

COMMENT ON FUNCTION recon.sees IS
    'Whether this login may see an account of a gateway; without an account: whether it may see all of the gateway. A '
    'login that is not limited sees all';

REVOKE ALL ON FUNCTION recon.sees FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.sees TO recon_analyst, recon_service, recon_operator;
