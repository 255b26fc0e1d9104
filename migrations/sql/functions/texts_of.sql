CREATE FUNCTION recon_exact.texts_of(p_columns text[], p_numbers numeric[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_object_agg(n.name, n.number::text)
    FROM unnest(p_columns, p_numbers) AS n (name, number)
    WHERE NOT recon_exact.is_held(n.number)
$$;

COMMENT ON FUNCTION recon_exact.texts_of IS
    'The numbers that numeric(38,18) does not hold to the last digit, as a JSON object of texts by column';

REVOKE ALL ON FUNCTION recon_exact.texts_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.texts_of TO recon_analyst, recon_service, recon_operator;
