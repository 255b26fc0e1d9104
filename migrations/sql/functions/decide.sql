CREATE FUNCTION recon_store.decide(
    p_gateway text, p_writer uuid, p_batch bigint, p_now_us bigint, p_kind text,
    p_payloads text[], p_accounts text[], p_name text,
    OUT first_seq bigint, OUT last_seq bigint, OUT recorded_us bigint, OUT repeated boolean, OUT clock_us bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count    integer := coalesce(cardinality(p_payloads), 0);
    v_by       jsonb := recon_store.who(p_name);
    v_document jsonb;
    v_payloads bytea[];
    v_accounts text[];
    v_repeated boolean;
    v_now_us   bigint;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('decision', 'fact') THEN
        RAISE EXCEPTION 'people record decisions and facts, not %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF v_count = 0 OR cardinality(p_accounts) IS DISTINCT FROM v_count THEN
        RAISE EXCEPTION 'batch % of writer % needs an account, or null, for each of its payloads', p_batch, p_writer
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF v_count > 1000 THEN
        RAISE EXCEPTION 'batch % of writer % has % payloads: at most 1000 are taken at once', p_batch, p_writer, v_count
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Before the lock, because it may take long.
    FOR i IN 1 .. v_count LOOP
        PERFORM recon_store.check_payload(p_kind, p_payloads[i], p_accounts[i], p_name);
        PERFORM recon_store.check_limits(p_gateway, p_payloads[i]::jsonb, p_accounts[i]);
    END LOOP;
    -- A person's session that falls silent within its transaction must not hold the gateway's row for long.
    PERFORM set_config('idle_in_transaction_session_timeout', '10s', true);
    -- Append locks the same row: what is looked at here is still so when the decision is in the log.
    PERFORM 1 FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no log of gateway %', p_gateway USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM recon_store.log_blockers AS h WHERE h.gateway = p_gateway AND h.login = session_user
               AND h.ended_at > clock_timestamp() - interval '5 minutes') THEN
        RAISE EXCEPTION '% kept the log of gateway % locked in an open transaction; decide again in five minutes',
            session_user, p_gateway USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- A person's clock moves log time to the database's clock at most, so that nobody ages breaks or stops their ageing.
    v_now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    v_now_us := greatest(least(p_now_us, v_now_us), coalesce(
        (SELECT (extract(epoch FROM e.recorded_at) * 1000000)::bigint FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway ORDER BY e.seq DESC LIMIT 1), v_now_us));
    -- A retried batch returns its earlier result, whatever has been decided since.
    v_repeated := EXISTS (SELECT FROM recon_store.log_batches AS b
        WHERE b.gateway = p_gateway AND b.writer = p_writer AND b.batch = p_batch);
    FOR i IN 1 .. v_count LOOP
        v_document := p_payloads[i]::jsonb;
        v_document := v_document - 'by';
        -- Each is checked against the log before the batch: a rejection and then an approval would both pass.
        IF v_count > 1 AND p_kind = 'decision' AND v_document ->> 'action' IN ('approve_rules', 'reject_rules') THEN
            RAISE EXCEPTION 'a decision on rules stands alone in its batch' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF p_kind = 'decision' AND NOT v_repeated THEN
            PERFORM recon_store.check_decision(p_gateway, v_document, v_by, v_now_us);
        END IF;
        v_payloads[i] := convert_to((v_document || jsonb_build_object('by', v_by))::text, 'UTF8');
        v_accounts[i] := coalesce(v_document ->> 'account', p_accounts[i]);
    END LOOP;
    SELECT a.first_seq, a.last_seq, a.recorded_us, a.repeated, a.clock_us
        INTO first_seq, last_seq, recorded_us, repeated, clock_us
        FROM recon_store.append_any(
            p_gateway, p_writer, p_batch, v_now_us, array_fill(p_kind, ARRAY[v_count]), v_accounts,
            array_fill(NULL::text, ARRAY[v_count]), array_fill(v_now_us, ARRAY[v_count]),
            array_fill(false, ARRAY[v_count]), v_payloads) AS a;
END $$;

COMMENT ON FUNCTION recon_store.decide IS
    'The way into the log for what people decide or tell: puts who they are into each payload, refuses what needs '
    'another person, and appends one named batch, or returns its earlier result';

REVOKE ALL ON FUNCTION recon_store.decide FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.decide TO recon_service, recon_operator;
