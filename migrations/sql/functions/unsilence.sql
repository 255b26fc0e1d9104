CREATE FUNCTION recon_store.unsilence(p_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE recon_store.silences AS s SET ended_at = clock_timestamp(), ended_by = session_user
        WHERE s.id = p_id AND s.ended_at IS NULL AND s.until > clock_timestamp()
          AND (s.login = session_user OR recon.sees(s.gateway, s.account)
               OR recon_store.sees_case(s.gateway, s.case_id));
    RETURN FOUND;
END $$;

COMMENT ON FUNCTION recon_store.unsilence IS
    'Ends a silence, and keeps who did; false where none of that id holds any more';

REVOKE ALL ON FUNCTION recon_store.unsilence FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.unsilence TO recon_service, recon_operator;
