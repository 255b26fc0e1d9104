CREATE FUNCTION recon_store.whole_of(p_text text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_text ~ '^-?[0-9]{1,18}$' THEN p_text::bigint END
$$;

COMMENT ON FUNCTION recon_store.whole_of IS
    'A whole number; null: it is none, or beyond any count';

REVOKE ALL ON FUNCTION recon_store.whole_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.whole_of TO recon_analyst, recon_service, recon_operator;
