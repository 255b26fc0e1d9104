CREATE FUNCTION recon_store.who(p_name text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('login', session_user, 'name', p_name, 'authenticated',
        session_user NOT IN ('recon_owner', 'recon_service', 'recon_analyst', 'recon_operator')
        AND NOT pg_has_role(session_user, 'recon_service', 'MEMBER')
        AND NOT pg_has_role(session_user, 'recon_owner', 'MEMBER'))
$$;

COMMENT ON FUNCTION recon_store.who IS
    'Who is speaking, as a decision or a fact keeps it: a login of recon''s own, or one that may act as it, is '
    'shared, and the name given with it is only asserted';

REVOKE ALL ON FUNCTION recon_store.who FROM PUBLIC;
