-- The recorder calls this once it has waited in vain for the gateway's row, which each append locks. Whoever still
-- holds it a second later has left a transaction open.
CREATE FUNCTION recon_store.end_holder(
    p_gateway text, OUT pid integer, OUT login text, OUT ended boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_first xid;
    v_now   xid;
BEGIN
    SELECT g.xmax INTO v_first FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway;
    PERFORM pg_sleep(1);
    SELECT g.xmax INTO v_now FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway;
    -- A row keeps the number of the last transaction that locked it; only a living one holds a lock on its own number.
    SELECT a.pid, a.usename INTO pid, login
        FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
        WHERE l.locktype = 'transactionid' AND l.granted AND l.transactionid = v_now AND v_now = v_first;
    IF pid IS NULL THEN
        RETURN;
    END IF;
    ended := pg_terminate_backend(pid, 2000);
EXCEPTION WHEN insufficient_privilege THEN
    ended := false;
END $$;

COMMENT ON FUNCTION recon_store.end_holder IS
    'Ends the session that has held a gateway''s log for long in an open transaction, where the owner may; tells whose '
    'it is';

REVOKE ALL ON FUNCTION recon_store.end_holder FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.end_holder TO recon_service;
