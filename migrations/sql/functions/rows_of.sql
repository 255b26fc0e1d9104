CREATE FUNCTION recon_store.rows_of(p_message json, p_snapshot boolean) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_message IS NULL THEN '[]'::json
        WHEN json_typeof(p_message -> 'data') = 'array' THEN p_message -> 'data'
        WHEN json_typeof(p_message -> 'data') = 'object' THEN json_build_array(p_message -> 'data')
        WHEN json_typeof(p_message -> 'data') = 'null' AND p_snapshot THEN '[]'::json
        ELSE json_build_array(p_message)
    END
$$;

COMMENT ON FUNCTION recon_store.rows_of IS
    'The rows of a message: those of its data, or the message itself where it has none';

REVOKE ALL ON FUNCTION recon_store.rows_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.rows_of TO recon_analyst, recon_service, recon_operator;
