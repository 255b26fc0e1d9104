-- By the login alone, whatever role it acts as: SET ROLE and a function of somebody else change nothing. A login that is
-- has the badge and no patterns, such as one that was given another name, sees nothing.
CREATE FUNCTION recon_store.seen_accounts() RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT has_table_privilege(session_user, 'recon_store.limited', 'SELECT')
       OR pg_has_role(session_user, 'recon_owner', 'MEMBER') THEN
        RETURN ARRAY['%'];
    END IF;
    RETURN ARRAY(
        SELECT l.pattern FROM recon_store.limits AS l
        JOIN pg_roles AS r ON r.rolname = l.login
        WHERE pg_has_role(session_user, r.oid, 'USAGE')
    );
END $$;

COMMENT ON FUNCTION recon_store.seen_accounts IS
    'The accounts that the login may see: patterns for LIKE of a gateway, the character 31, and an account, which is '
    'empty for what is of no account';

REVOKE ALL ON FUNCTION recon_store.seen_accounts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.seen_accounts TO recon_analyst, recon_service, recon_operator;
