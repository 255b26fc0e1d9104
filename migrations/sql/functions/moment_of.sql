CREATE FUNCTION recon_store.moment_of(p_text text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_text ~ '^[0-9]{1,17}$' THEN 'epoch'::timestamptz + p_text::bigint * interval '1 microsecond'
    END
$$;

COMMENT ON FUNCTION recon_store.moment_of IS
    'A moment in microseconds since the epoch; null: it is none';

REVOKE ALL ON FUNCTION recon_store.moment_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.moment_of TO recon_analyst, recon_service, recon_operator;
