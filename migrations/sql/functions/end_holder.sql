-- The recorder calls this once it has waited in vain for the gateway's row, which each append locks. Whoever still
-- holds it a second later has left a transaction open. A row keeps the number of the last transaction that locked it,
-- but a part of a transaction (a savepoint) has a number of its own, which nobody holds once the part is done. Then it
-- is the oldest transaction of a person that has locked a row of this table at all, and waits for no other such one.
CREATE FUNCTION recon_store.end_holder(
    p_gateway text, OUT pid integer, OUT login text, OUT ended boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_open    text[];
    v_waiting integer[];
    v_number  xid;
    v_here    oid := (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
BEGIN
    v_open := ARRAY(SELECT l.virtualtransaction FROM pg_locks AS l
        WHERE l.database = v_here AND l.relation = 'recon_store.log_gateways'::regclass
          AND l.mode = 'RowShareLock' AND l.granted);
    PERFORM pg_sleep(1);
    SELECT g.xmax INTO v_number FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway;
    v_waiting := ARRAY(SELECT l.pid FROM pg_locks AS l
        WHERE l.database = v_here AND l.relation = 'recon_store.log_gateways'::regclass
          AND l.mode = 'RowShareLock' AND l.granted AND l.virtualtransaction = ANY (v_open) AND l.pid <> pg_backend_pid());
    SELECT a.pid, a.usename INTO pid, login
        FROM pg_stat_activity AS a
        LEFT JOIN pg_locks AS n
            ON n.pid = a.pid AND n.locktype = 'transactionid' AND n.granted AND n.transactionid = v_number
        WHERE a.pid = ANY (v_waiting)
          AND (n.pid IS NOT NULL OR NOT pg_has_role(a.usename, 'recon_service', 'MEMBER')
                                    AND NOT pg_blocking_pids(a.pid) && v_waiting)
        ORDER BY n.pid IS NULL, (
            SELECT max(age(o.transactionid)) FROM pg_locks AS o
            WHERE o.pid = a.pid AND o.locktype = 'transactionid' AND o.granted) DESC NULLS LAST
        LIMIT 1;
    IF pid IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO recon_store.log_blockers (gateway, login) VALUES (p_gateway, end_holder.login)
        ON CONFLICT ON CONSTRAINT pk_log_blockers DO UPDATE SET ended_at = clock_timestamp();
    BEGIN
        -- Those of a person that wait in line would hold it next.
        PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity AS a
            WHERE a.pid = ANY (v_waiting) AND a.pid <> end_holder.pid AND a.usename = end_holder.login
              AND NOT pg_has_role(a.usename, 'recon_service', 'MEMBER');
        ended := pg_terminate_backend(pid);
    EXCEPTION WHEN insufficient_privilege THEN
        ended := false;
    END;
END $$;

COMMENT ON FUNCTION recon_store.end_holder IS
    'Ends the session that has held a gateway''s log for long in an open transaction, where the owner may; tells whose '
    'it is, and lets that login decide nothing there for five minutes';

REVOKE ALL ON FUNCTION recon_store.end_holder FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.end_holder TO recon_service;
