CREATE FUNCTION recon_exact.rounded(p_number numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(round(p_number, 18)) < 1e20 THEN round(p_number, 18) END
$$;

COMMENT ON FUNCTION recon_exact.rounded IS
    'The number, rounded to 18 digits after the point, half away from zero; null: numeric(38,18) is too short for it';

REVOKE ALL ON FUNCTION recon_exact.rounded FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.rounded TO recon_analyst, recon_service, recon_operator;
