CREATE FUNCTION recon_exact.is_held(p_number numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(abs(p_number) < 1e20 AND min_scale(p_number) <= 18, true)
$$;

COMMENT ON FUNCTION recon_exact.is_held IS
    'Whether numeric(38,18) holds a number to the last digit; true of null';

REVOKE ALL ON FUNCTION recon_exact.is_held FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.is_held TO recon_analyst, recon_service, recon_operator;
