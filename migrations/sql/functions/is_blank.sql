-- As `is_blank` of recon/display/words.py, but for what only Python's tables of characters know.
CREATE FUNCTION recon_store.is_blank(p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(p_text, '') !~ (
        '[^\s\u0001-\u0020\u007f-\u00a0\u00ad\u115f\u1160\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f'
        '\u2800\u3000\u3164\ufeff\uffa0]'
    )
$$;

COMMENT ON FUNCTION recon_store.is_blank IS 'True if a text has no character that can be seen';

REVOKE ALL ON FUNCTION recon_store.is_blank FROM PUBLIC;
