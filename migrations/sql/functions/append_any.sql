-- Only append and decide may call this. The canonical form of an event is the one of recon/log/events.py;
-- `recon verify` computes the digests there, independently.
CREATE FUNCTION recon_store.append_any(
    p_gateway text, p_writer uuid, p_batch bigint, p_now_us bigint,
    p_kinds text[], p_accounts text[], p_sessions text[], p_received_us bigint[], p_redacted boolean[],
    p_payloads bytea[],
    OUT first_seq bigint, OUT last_seq bigint, OUT recorded_us bigint, OUT repeated boolean, OUT clock_us bigint,
    OUT last_digest bytea, OUT unreadable integer[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count    integer := cardinality(p_payloads);
    v_head     bigint;
    v_time     bigint;
    v_digest   bytea;
    v_last     recon_store.log_batches;
    -- A writer's clock may be ahead of ours by so much; how far ahead the log already is, is allowed too.
    c_ahead_us CONSTANT bigint := 60000000;
    v_leaves   bytea[];
    v_digests  bytea[];
    v_readable boolean[];
    v_stamp    bytea;
    v_recorded timestamptz;
BEGIN
    IF v_count = 0 OR v_count IS NULL THEN
        RAISE EXCEPTION 'batch % of writer % is empty', p_batch, p_writer USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF cardinality(p_kinds) <> v_count OR cardinality(p_accounts) <> v_count OR cardinality(p_sessions) <> v_count
       OR cardinality(p_received_us) <> v_count OR cardinality(p_redacted) <> v_count THEN
        RAISE EXCEPTION 'batch % of writer % has columns of different lengths', p_batch, p_writer
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED: an older snapshot would hide the head of the log'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;

    PERFORM 1 FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO recon_store.log_gateways (gateway) VALUES (p_gateway) ON CONFLICT DO NOTHING;
        PERFORM 1 FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway FOR NO KEY UPDATE;
    END IF;

    clock_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

    -- A retried batch: the lock is ours, so whatever an earlier attempt committed is visible now.
    SELECT b.* INTO v_last FROM recon_store.log_batches AS b
        WHERE b.gateway = p_gateway AND b.writer = p_writer ORDER BY b.batch DESC LIMIT 1;
    IF v_last.login <> session_user THEN
        RAISE EXCEPTION 'writer % belongs to another login; take a new one', p_writer
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF v_last.batch >= p_batch THEN
        SELECT b.first_seq, b.last_seq, (extract(epoch FROM e.recorded_at) * 1000000)::bigint, true, e.digest
            INTO first_seq, last_seq, recorded_us, repeated, last_digest
            FROM recon_store.log_batches AS b
            JOIN recon_store.log_events AS e ON e.gateway = b.gateway AND e.seq = b.last_seq
            WHERE b.gateway = p_gateway AND b.writer = p_writer AND b.batch = p_batch;
        -- Nobody is told that a batch is in the log unless that very batch is. What a person sends again, at another
        -- time, is the same.
        IF last_seq - first_seq + 1 IS DISTINCT FROM v_count OR EXISTS (
            SELECT FROM unnest(p_kinds, p_accounts, p_sessions, p_received_us, p_redacted, p_payloads)
                WITH ORDINALITY AS u(k, a, s, r, red, p, n)
            LEFT JOIN recon_store.log_events AS e ON e.gateway = p_gateway AND e.seq = first_seq + u.n - 1
            WHERE (e.kind, e.account, e.session, e.redacted, e.payload) IS DISTINCT FROM (u.k, u.a, u.s, u.red, u.p)
               OR u.k NOT IN ('decision', 'fact')
                  AND e.received_at <> 'epoch'::timestamptz + u.r * interval '1 microsecond') THEN
            RAISE EXCEPTION 'batch % of writer % was appended with another content', p_batch, p_writer
                USING ERRCODE = 'unique_violation';
        END IF;
        unreadable := ARRAY(SELECT (e.seq - first_seq + 1)::integer FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway AND e.seq BETWEEN first_seq AND last_seq AND NOT e.readable ORDER BY e.seq);
        RETURN;
    END IF;
    IF p_batch <> coalesce(v_last.batch, 0) + 1 THEN
        RAISE EXCEPTION 'batch % of writer % does not follow its batch %', p_batch, p_writer, coalesce(v_last.batch, 0)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- The log goes on from the writer's last batch or further: so earlier partitions are not even opened.
    SELECT e.seq, (extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.digest INTO v_head, v_time, v_digest
        FROM recon_store.log_events AS e
        WHERE e.gateway = p_gateway AND e.seq >= coalesce(v_last.last_seq, 0) ORDER BY e.seq DESC LIMIT 1;
    v_head := coalesce(v_head, 0);
    v_digest := coalesce(v_digest, sha256('recon:'::bytea || convert_to(p_gateway, 'UTF8')));
    -- Log time never goes back. It runs on where the log is ahead of the database's clock, but it cannot leap there.
    v_time := coalesce(v_time, least(p_now_us, clock_us));
    recorded_us := greatest(v_time, least(p_now_us, greatest(clock_us, v_time) + c_ahead_us));
    v_stamp := int8send(recorded_us);
    v_recorded := 'epoch'::timestamptz + recorded_us * interval '1 microsecond';
    v_readable := recon_store.are_readable(p_payloads);
    v_leaves := ARRAY(
        SELECT sha256(
            int4send(-2) || CASE WHEN u.red THEN '\x01'::bytea ELSE '\x00'::bytea END
            || CASE WHEN u.ok THEN '\x01'::bytea ELSE '\x00'::bytea END || int8send(clock_us)
            || int4send(octet_length(u.k)) || convert_to(u.k, 'UTF8')
            || coalesce(int4send(octet_length(u.a)) || convert_to(u.a, 'UTF8'), int4send(-1))
            || coalesce(int4send(octet_length(u.s)) || convert_to(u.s, 'UTF8'), int4send(-1))
            || int8send(u.r) || u.p)
        FROM unnest(p_kinds, p_accounts, p_sessions, p_received_us, p_payloads, p_redacted, v_readable)
            WITH ORDINALITY AS u(k, a, s, r, p, red, ok, n) ORDER BY u.n);
    FOR i IN 1 .. v_count LOOP
        v_digest := sha256(v_digest || int8send(v_head + i) || v_stamp || v_leaves[i]);
        v_digests[i] := v_digest;
    END LOOP;

    INSERT INTO recon_store.log_events
        (gateway, seq, recorded_at, received_at, kind, account, session, readable, redacted, payload, digest,
         appended_at)
        SELECT p_gateway, v_head + u.n, v_recorded,
               'epoch'::timestamptz + u.r * interval '1 microsecond', u.k, u.a, u.s, u.ok, u.red, u.p, u.d,
               'epoch'::timestamptz + clock_us * interval '1 microsecond'
        FROM unnest(p_kinds, p_accounts, p_sessions, p_received_us, p_redacted, p_payloads, v_readable, v_digests)
            WITH ORDINALITY AS u(k, a, s, r, red, p, ok, d, n);
    first_seq := v_head + 1;
    last_seq := v_head + v_count;
    repeated := false;
    last_digest := v_digest;
    unreadable := array_positions(v_readable, false);
    INSERT INTO recon_store.log_batches (gateway, writer, batch, first_seq, last_seq)
        VALUES (p_gateway, p_writer, p_batch, first_seq, last_seq);
END $$;

COMMENT ON FUNCTION recon_store.append_any IS 'What append and decide have in common; for nobody else';

REVOKE ALL ON FUNCTION recon_store.append_any FROM PUBLIC;
