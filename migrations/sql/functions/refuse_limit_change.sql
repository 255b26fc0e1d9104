CREATE FUNCTION recon_store.refuse_limit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what became of limits is only added to: % on % is refused', lower(TG_OP), TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

COMMENT ON FUNCTION recon_store.refuse_limit_change IS 'Keeps the history of limits as it was written';

REVOKE ALL ON FUNCTION recon_store.refuse_limit_change FROM PUBLIC;
