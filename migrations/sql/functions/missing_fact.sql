CREATE FUNCTION recon_store.missing_fact(p_gateway text, p_facts jsonb) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(p_facts) IS DISTINCT FROM 'array' OR jsonb_array_length(p_facts) NOT BETWEEN 1 AND 500
       OR EXISTS (SELECT FROM jsonb_array_elements(p_facts) AS f(value) WHERE f.value::text !~ '^[0-9]{1,18}$') THEN
        RAISE EXCEPTION 'a decision on facts names 1 to 500 facts, each by its log position'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN (
        SELECT min(f.value::text::bigint) FROM jsonb_array_elements(p_facts) AS f(value)
        WHERE NOT EXISTS (SELECT FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway AND e.seq = f.value::text::bigint AND e.kind IN ('fact', 'venue.trade') AND e.readable)
    );
END $$;

COMMENT ON FUNCTION recon_store.missing_fact IS
    'The first of these log positions that is no fact of the gateway; null: all are facts';

REVOKE ALL ON FUNCTION recon_store.missing_fact FROM PUBLIC;
