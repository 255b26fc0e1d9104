CREATE FUNCTION recon_store.is_readable(payload bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text;
BEGIN
    v_text := convert_from(payload, 'UTF8');
    -- json lets escapes pass that no text can hold (U+0000, lone surrogates); jsonb looks at them.
    RETURN json_typeof(v_text::json) IS NOT NULL
           AND (strpos(v_text, '\u') = 0 OR jsonb_typeof(v_text::jsonb) IS NOT NULL);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN false;
END $$;

COMMENT ON FUNCTION recon_store.is_readable IS
    'UTF-8, JSON that is not nested too deeply, and no U+0000 or lone surrogate in any string';
