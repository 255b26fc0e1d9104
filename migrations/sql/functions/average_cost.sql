CREATE AGGREGATE recon_store.average_cost(boolean, numeric, numeric) (
    SFUNC = recon_store.add_to_average_cost,
    STYPE = numeric[],
    INITCOND = '{0,0,0,0}'
);

COMMENT ON AGGREGATE recon_store.average_cost(boolean, numeric, numeric) IS
    'A holding at average cost after these fills, in their order: bought or not, amount, signed cash';

REVOKE ALL ON FUNCTION recon_store.average_cost FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.average_cost TO recon_analyst, recon_service, recon_operator;
