-- Never PARTITION OF: a table that is made beside and attached needs no lock on the log while it is made.
CREATE FUNCTION recon_store.new_partition(p_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE recon_store.%I (LIKE recon_store.log_events INCLUDING ALL)', p_name);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_store.%I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_change()', p_name);
END $$;

COMMENT ON FUNCTION recon_store.new_partition IS
    'Makes a table that can be attached to the log, with its guard against TRUNCATE; the others come with attaching';

REVOKE ALL ON FUNCTION recon_store.new_partition FROM PUBLIC;
