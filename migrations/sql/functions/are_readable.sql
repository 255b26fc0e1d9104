CREATE FUNCTION recon_store.are_readable(payloads bytea[]) RETURNS boolean[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    -- Nearly always all of them are: one guarded look at the whole batch, one each only where that fails.
    PERFORM 1 FROM (SELECT convert_from(p, 'UTF8') AS t FROM unnest(payloads) AS p OFFSET 0) AS texts
        HAVING count(json_typeof(t::json)) = cardinality(payloads) AND NOT bool_or(strpos(t, '\u') > 0);
    IF FOUND THEN
        RETURN array_fill(true, ARRAY[cardinality(payloads)]);
    END IF;
    RETURN ARRAY(SELECT recon_store.is_readable(p) FROM unnest(payloads) WITH ORDINALITY AS u(p, n) ORDER BY n);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN ARRAY(SELECT recon_store.is_readable(p) FROM unnest(payloads) WITH ORDINALITY AS u(p, n) ORDER BY n);
END $$;
