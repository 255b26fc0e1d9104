-- The digest is that of the document's text as a jsonb; recon/closing/document.py computes the same.
CREATE FUNCTION recon_store.check_close(p_gateway text, p_decision jsonb, p_by jsonb, p_now_us bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_account  text := p_decision ->> 'account';
    v_day      text := p_decision ->> 'day';
    v_document jsonb := p_decision -> 'document';
    v_last     record;
    v_head     text;
BEGIN
    IF NOT (p_by ->> 'authenticated')::boolean THEN
        RAISE EXCEPTION 'a closing is signed by a person: % is a login that people share', p_by ->> 'login'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- The last first signature of that day, and its second one.
    SELECT s.seq, s.login, s.digest, s.accept_gaps, n.login AS second_by INTO v_last
        FROM recon_store.close_signatures AS s
        LEFT JOIN recon_store.close_signatures AS n
            ON n.gateway = s.gateway AND n.action = 'countersign_close' AND n.signs = s.seq
        WHERE s.gateway = p_gateway AND s.account = v_account AND s.day = v_day AND s.action = 'sign_close'
        ORDER BY s.seq DESC, n.seq LIMIT 1;
    IF p_decision ->> 'action' = 'countersign_close' THEN
        IF v_last.seq IS NULL OR v_last.seq IS DISTINCT FROM (p_decision ->> 'close')::bigint
           OR v_last.digest IS DISTINCT FROM p_decision ->> 'digest' THEN
            RAISE EXCEPTION 'there is no closing of % on % at event % of gateway % with the digest % that waits for a'
                ' second login', v_account, v_day, p_decision ->> 'close', p_gateway, p_decision ->> 'digest'
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF v_last.second_by IS NOT NULL THEN
            RAISE EXCEPTION 'the closing of % on % is signed twice: by % and by %', v_account, v_day, v_last.login,
                v_last.second_by USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF v_last.login = p_by ->> 'login' THEN
            RAISE EXCEPTION '% signed the closing of % on % already: another login signs second', v_last.login,
                v_account, v_day USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF v_last.accept_gaps AND NOT coalesce((p_decision ->> 'accept_gaps')::boolean, false) THEN
            RAISE EXCEPTION '% accepted gaps in the coverage of % on %: the second login accepts them too',
                v_last.login, v_account, v_day USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN;
    END IF;
    IF jsonb_typeof(v_document) IS DISTINCT FROM 'object'
       OR encode(sha256(convert_to(v_document::text, 'UTF8')), 'hex') IS DISTINCT FROM p_decision ->> 'digest'
       OR (v_document ->> 'gateway', v_document ->> 'account', v_document ->> 'day')
           IS DISTINCT FROM (p_gateway, v_account, v_day) THEN
        RAISE EXCEPTION 'the document of a closing is not the one of % on % with the digest %', v_account, v_day,
            p_decision ->> 'digest' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT encode(e.digest, 'hex') INTO v_head FROM recon_store.log_events AS e
        WHERE e.gateway = p_gateway AND e.seq = (v_document ->> 'known_seq')::bigint;
    IF v_head IS DISTINCT FROM v_document ->> 'head' THEN
        RAISE EXCEPTION 'the log of gateway % has the digest % at event %, not %', p_gateway,
            coalesce(v_head, '(no such event)'), v_document ->> 'known_seq', v_document ->> 'head'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF extract(epoch FROM (v_document ->> 'cut_off')::timestamptz) * 1000000 > p_now_us THEN
        RAISE EXCEPTION 'the business day % of % is not over: its cut-off is at %', v_day, v_account,
            v_document ->> 'cut_off' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT coalesce((v_document ->> 'whole')::boolean, false)
       AND NOT coalesce((p_decision ->> 'accept_gaps')::boolean, false) THEN
        RAISE EXCEPTION 'the coverage of % on % is not whole: whoever signs accepts the gaps, and so does a second'
            ' login', v_account, v_day USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF v_last.seq IS DISTINCT FROM (p_decision ->> 'restates')::bigint THEN
        IF v_last.seq IS NULL THEN
            RAISE EXCEPTION 'there is no closing of % on % that could be restated', v_account, v_day
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        RAISE EXCEPTION '% signed the closing of % on % at event %: a new one restates that one', v_last.login,
            v_account, v_day, v_last.seq USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.check_close IS
    'Refuses a signature under a closing that is no person''s own, is of another document or log, or needs another '
    'login';

REVOKE ALL ON FUNCTION recon_store.check_close FROM PUBLIC;
