-- What stays: what people, rules and sessions said, events that rows of the books name, and the last event of each
-- minute, by which times are found. The last event of all is among them: the digests of the live log go on from it.
CREATE FUNCTION recon_store.drop_partition(p_name text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_first  bigint;
    v_last   bigint;
    v_kept   text;
    v_making text := 'log_events_being_kept';
    v_log    record;
    v_before bigint;
    v_after  bigint := 0;
    v_number bigint;
BEGIN
    LOCK TABLE recon_store.log_archives IN SHARE ROW EXCLUSIVE MODE;
    SELECT p.first_seq, p.last_seq INTO v_first, v_last FROM recon.log_partitions AS p WHERE p.name = p_name;
    IF v_last IS NULL THEN
        RAISE EXCEPTION 'there is no partition % of the log that has an end', p_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Nobody appends to it meanwhile: only the first events of a new gateway could go there.
    EXECUTE format('LOCK TABLE recon_store.%I IN SHARE ROW EXCLUSIVE MODE', p_name);
    FOR v_log IN
        SELECT g.gateway, h.seq, h.digest, a.digest AS archived
        FROM recon_store.log_gateways AS g
        CROSS JOIN LATERAL (
            SELECT e.seq, e.digest FROM recon_store.log_events AS e
            WHERE e.gateway = g.gateway AND e.seq BETWEEN v_first AND v_last ORDER BY e.seq DESC LIMIT 1
        ) AS h
        LEFT JOIN recon_store.log_archives AS a ON a.gateway = g.gateway AND a.last_seq = v_last
    LOOP
        IF v_log.seq < v_last THEN
            RAISE EXCEPTION 'gateway % holds events % to % back: its log has only come to event %', v_log.gateway,
                v_first, v_last, v_log.seq USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        IF v_log.archived IS DISTINCT FROM v_log.digest THEN
            RAISE EXCEPTION 'gateway % holds events % to % back: it is not archived up to there', v_log.gateway,
                v_first, v_last USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END LOOP;
    PERFORM recon_store.new_partition(v_making);
    FOR v_log IN SELECT g.gateway FROM recon_store.log_gateways AS g ORDER BY g.gateway LOOP
        EXECUTE format($insert$
            INSERT INTO recon_store.%1$I
            SELECT e.* FROM recon_store.%2$I AS e
            WHERE e.gateway = $1 AND (
                e.kind IN ('rules', 'rules.proposed', 'decision', 'fact', 'session.opened', 'session.closed',
                           'session.failed', 'catch_up.begun', 'catch_up.ended', 'event.refused', 'clock.jumped')
                OR e.seq IN (
                    SELECT max(x.seq) FROM recon_store.%2$I AS x
                    WHERE x.gateway = $1 GROUP BY date_trunc('minute', x.recorded_at, 'UTC')
                    UNION SELECT f.seq FROM recon_store.findings AS f WHERE f.gateway = $1
                    UNION SELECT b.after_seq FROM recon_store.breaks AS b WHERE b.gateway = $1
                    UNION SELECT b.until_seq FROM recon_store.breaks AS b WHERE b.gateway = $1
                    UNION SELECT c.known_seq FROM recon.closes AS c WHERE c.gateway = $1))
            ORDER BY e.seq $insert$, v_making, p_name) USING v_log.gateway;
        GET DIAGNOSTICS v_number = ROW_COUNT;
        v_after := v_after + v_number;
    END LOOP;
    EXECUTE format('SELECT count(*) FROM recon_store.%I', p_name) INTO v_before;
    EXECUTE format('ALTER TABLE recon_store.%I ADD CONSTRAINT ck_log_events_kept CHECK (seq >= %s AND seq <= %s)',
                   v_making, v_first, v_last);
    v_kept := 'log_events_kept_from_' || v_first;
    -- A short wait each time: whoever appends waits behind us.
    FOR i IN 1 .. 30 LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '1s', true);
            LOCK TABLE recon_store.log_events IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF i = 30 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(1);
        END;
    END LOOP;
    EXECUTE format('ALTER TABLE recon_store.log_events DETACH PARTITION recon_store.%I', p_name);
    EXECUTE format('DROP TABLE recon_store.%I', p_name);
    EXECUTE format('ALTER TABLE recon_store.%I RENAME TO %I', v_making, v_kept);
    PERFORM recon_store.attach_partition(v_kept, v_first, v_last);
    EXECUTE format('ALTER TABLE recon_store.%I DROP CONSTRAINT ck_log_events_kept', v_kept);
    RETURN v_before - v_after;
END $$;

COMMENT ON FUNCTION recon_store.drop_partition IS
    'Drops a partition of the log that is archived, but for what stays readable, and returns how many events went';

REVOKE ALL ON FUNCTION recon_store.drop_partition FROM PUBLIC;
