CREATE FUNCTION recon_store.number_of(p_text text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_text ~ '^[-+]?[0-9]{1,80}(\.[0-9]{0,80})?([eE][-+]?([0-3]?[0-9]|40))?$' THEN p_text::numeric
    END
$$;

COMMENT ON FUNCTION recon_store.number_of IS
    'A number as it was sent, exactly; null: it is none, or beyond the bounds of the protocol';

REVOKE ALL ON FUNCTION recon_store.number_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.number_of TO recon_analyst, recon_service, recon_operator;
