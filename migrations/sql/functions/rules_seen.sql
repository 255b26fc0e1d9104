-- For views: rules are of no account, and each account has its own in them.
CREATE FUNCTION recon_store.rules_seen(p_gateway text, p_account text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_rules jsonb := convert_from(recon_store.rules_in_force(p_gateway), 'UTF8')::jsonb;
BEGIN
    IF NOT recon.sees(p_gateway, p_account) THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(v_rules -> 'accounts' -> p_account, v_rules -> 'defaults');
END $$;

COMMENT ON FUNCTION recon_store.rules_seen IS
    'The rules in force for one account that the login may see, as JSON; null: none are logged';

REVOKE ALL ON FUNCTION recon_store.rules_seen FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.rules_seen TO recon_analyst, recon_service, recon_operator;
