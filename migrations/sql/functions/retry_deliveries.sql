CREATE FUNCTION recon_store.retry_deliveries(p_channel text, p_id text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count bigint;
BEGIN
    IF NOT recon.sees('', '') THEN
        RAISE EXCEPTION '% is limited to some accounts, and messages are of all', session_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- What was given up begins anew; what waits for a later attempt is due now.
    UPDATE recon_store.deliveries AS d
        SET failed_at = NULL, attempts = CASE WHEN d.failed_at IS NULL THEN d.attempts ELSE 0 END, next_attempt_at = NULL
        WHERE d.delivered_at IS NULL AND (d.failed_at IS NOT NULL OR d.next_attempt_at IS NOT NULL)
            AND (p_channel IS NULL OR d.channel = p_channel) AND (p_id IS NULL OR d.id = p_id);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    -- The person has repaired the receiver, or thinks so: it rests no more.
    UPDATE recon_store.channels AS c SET open_until = NULL, gone_at = NULL
        WHERE (c.open_until IS NOT NULL OR c.gone_at IS NOT NULL) AND (p_channel IS NULL OR c.channel = p_channel)
            AND (p_id IS NULL OR EXISTS (SELECT FROM recon_store.deliveries AS d
                WHERE d.channel = c.channel AND d.id = p_id));
    RETURN v_count;
END $$;

COMMENT ON FUNCTION recon_store.retry_deliveries IS
    'Has messages that were given up, or wait for a later attempt, sent now: those of a channel, or one, or all';

REVOKE ALL ON FUNCTION recon_store.retry_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.retry_deliveries TO recon_service, recon_operator;
