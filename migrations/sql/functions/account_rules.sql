CREATE FUNCTION recon_store.account_rules(p_gateway text, p_account text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(r.rules -> 'accounts' -> p_account, r.rules -> 'defaults', '{}'::jsonb)
    FROM (
        SELECT d.document::jsonb AS rules
        FROM convert_from(recon_store.rules_in_force(p_gateway), 'UTF8') AS d(document)
    ) AS r
$$;

COMMENT ON FUNCTION recon_store.account_rules IS 'The rules in force for one account, as JSON; {}: none are logged';

REVOKE ALL ON FUNCTION recon_store.account_rules FROM PUBLIC;
