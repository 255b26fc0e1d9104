-- With the caller's rights: whoever may not write to the table may not call it to any effect either.
CREATE FUNCTION recon_store.limit_login(p_login text, p_gateways text[], p_accounts text[], p_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_role record;
BEGIN
    SELECT r.rolsuper OR pg_has_role(r.oid, 'recon_owner', 'MEMBER') OR pg_has_role(r.oid, 'recon_service', 'MEMBER')
        AS unlimited
        INTO v_role FROM pg_roles AS r WHERE r.rolname = p_login;
    IF cardinality(p_accounts) > 0 AND v_role IS NULL THEN
        RAISE EXCEPTION 'there is no login %', p_login USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF cardinality(p_accounts) > 0 AND v_role.unlimited THEN
        RAISE EXCEPTION '% may act as the owner or the service, so no limit holds it', p_login
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF cardinality(p_gateways) IS DISTINCT FROM cardinality(p_accounts) OR cardinality(p_accounts) > 1000 THEN
        RAISE EXCEPTION 'a limit has a gateway for each account, and at most 1000 of them'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF recon_store.is_blank(p_reason) OR length(p_reason) > 2000 THEN
        RAISE EXCEPTION 'a limit has a reason, of 2000 characters at most' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM unnest(p_gateways || p_accounts) AS n(name) WHERE recon_store.is_blank(n.name)) THEN
        RAISE EXCEPTION 'a gateway or an account of a limit is blank' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('recon.reason', p_reason, true);
    -- The new ones first: at no time is a limited login without any.
    INSERT INTO recon_store.limits (login, gateway, account)
        SELECT p_login, n.gateway, n.account FROM unnest(p_gateways, p_accounts) AS n(gateway, account)
        ON CONFLICT DO NOTHING;
    DELETE FROM recon_store.limits AS l
        WHERE l.login = p_login
          AND NOT EXISTS (SELECT FROM unnest(p_gateways, p_accounts) AS n(gateway, account)
                          WHERE n.gateway = l.gateway AND n.account = l.account);
    PERFORM set_config('recon.reason', '', true);
END $$;

COMMENT ON FUNCTION recon_store.limit_login IS
    'Limits a login to these accounts in the place of its former ones, by patterns of gateway and account; none: it '
    'sees all again';

REVOKE ALL ON FUNCTION recon_store.limit_login FROM PUBLIC;
