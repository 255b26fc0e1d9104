CREATE FUNCTION recon_exact.held(p_number numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(p_number) < 1e20 AND min_scale(p_number) <= 18 THEN p_number END
$$;

COMMENT ON FUNCTION recon_exact.held IS
    'The number; null: numeric(38,18) does not hold it to the last digit';

REVOKE ALL ON FUNCTION recon_exact.held FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.held TO recon_analyst, recon_service, recon_operator;
