-- The bounds are those of recon/ledger/documents.py; what passes here and not there becomes a finding of the fold.
CREATE FUNCTION recon_store.check_payload(p_kind text, p_payload text, p_account text, p_name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_document jsonb;
    v_wrong    text;
BEGIN
    IF octet_length(p_payload) > 1048576 THEN
        RAISE EXCEPTION 'a % of % bytes is too long: at most 1048576 are taken', p_kind, octet_length(p_payload)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF length(p_account) > 200 OR length(p_name) > 200 THEN
        RAISE EXCEPTION 'an account or a name has more than 200 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    BEGIN
        v_document := p_payload::jsonb;
    EXCEPTION WHEN program_limit_exceeded THEN
        RAISE EXCEPTION 'a % is nested more than 16 levels deep', p_kind USING ERRCODE = 'invalid_parameter_value';
    WHEN data_exception THEN
        RAISE EXCEPTION 'a % is no JSON that the database can hold', p_kind
            USING ERRCODE = 'invalid_parameter_value';
    END;
    IF jsonb_typeof(v_document) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a % is no JSON object', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_path_exists(v_document, 'strict $.**{17}') THEN
        RAISE EXCEPTION 'a % is nested more than 16 levels deep', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM jsonb_path_query(v_document, 'strict $.** ? (@.type() == "string" || @.type() == "number")')
               AS t(value) WHERE length(t.value #>> '{}')
                   > CASE jsonb_typeof(t.value) WHEN 'string' THEN 2000 ELSE 100 END) THEN
        RAISE EXCEPTION 'a % has a text of more than 2000 characters, or a number of more than 100 digits', p_kind
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT m.key INTO v_wrong FROM jsonb_each_text(v_document) AS m
        WHERE m.key IN ('account', 'counter_account', 'unit', 'symbol', 'external_id', 'order_id', 'trade_id',
                        'fee_asset', 'assignee') AND length(m.value) > 200
           OR m.key IN ('amount', 'entry', 'quantity', 'price', 'cash', 'fee')
              AND m.value !~ '^[+-]?[0-9.]{1,82}([eE][+-]?[0-9]{1,2})?$'
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% of a % is beyond its bounds: an id has at most 200 characters, a number 80 digits and an'
            ' exponent of 40', v_wrong, p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    BEGIN
        SELECT m.key INTO v_wrong FROM jsonb_each_text(v_document) AS m
            WHERE CASE WHEN m.key IN ('occurred_at', 'until') AND m.value IS NOT NULL
                       THEN m.value::timestamptz NOT BETWEEN '1970-01-01Z' AND '2200-01-01Z' END
            LIMIT 1;
    EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR invalid_parameter_value THEN
        RAISE EXCEPTION 'occurred_at or until of a % is no time', p_kind USING ERRCODE = 'invalid_parameter_value';
    END;
    IF FOUND THEN
        RAISE EXCEPTION '% of a % is not a time after 1970 and before 2199', v_wrong, p_kind
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.check_payload IS
    'Refuses a decision or a fact that the fold cannot take: too long, too deep, or with values beyond their bounds';

REVOKE ALL ON FUNCTION recon_store.check_payload FROM PUBLIC;
