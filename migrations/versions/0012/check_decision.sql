CREATE FUNCTION recon_store.check_decision(p_gateway text, p_decision jsonb, p_by jsonb, p_now_us bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_action  text := p_decision ->> 'action';
    v_shared  boolean := NOT (p_by ->> 'authenticated')::boolean;
    v_login   text := p_by ->> 'login';
    v_waiting text;
    v_breaks  text[];
    v_by      jsonb;
    v_missing bigint;
BEGIN
    IF v_action IN ('approve_rules', 'reject_rules') THEN
        v_waiting := encode(sha256(recon_store.rules_waiting(p_gateway)), 'hex');
        IF v_waiting IS NULL OR v_waiting IS DISTINCT FROM p_decision ->> 'rules_digest' THEN
            RAISE EXCEPTION 'the rules of gateway % that wait have the digest %, not %', p_gateway,
                coalesce(v_waiting, '(none wait)'), p_decision ->> 'rules_digest'
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF v_action = 'approve_rules' AND v_shared THEN
            RAISE EXCEPTION 'rules that loosen something are approved by a person: % is a login that people share',
                v_login USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF v_action IN ('approve_facts', 'reject_facts') THEN
        v_missing := recon_store.missing_fact(p_gateway, p_decision -> 'facts');
        IF v_missing IS NOT NULL THEN
            RAISE EXCEPTION 'the decision names facts by their log positions, and event % of gateway % is no fact',
                v_missing, p_gateway USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF v_action = 'reject_facts' THEN
            RETURN;
        END IF;
        IF v_shared THEN
            RAISE EXCEPTION 'a material fact is approved by a person: % is a login that people share', v_login
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF v_login IN (SELECT t.login FROM recon_store.tellers(p_gateway, p_decision -> 'facts') AS t(login)) THEN
            RAISE EXCEPTION 'this is material, and % told it: somebody else approves it', v_login
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF v_action = 'approve' THEN
        IF jsonb_typeof(p_decision -> 'breaks') IS DISTINCT FROM 'array' THEN
            RAISE EXCEPTION 'an approval names breaks' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        v_breaks := ARRAY(SELECT DISTINCT b FROM jsonb_array_elements_text(p_decision -> 'breaks') AS b);
        IF NOT recon_store.is_material(p_gateway, v_breaks, p_now_us) THEN
            RETURN;
        END IF;
        IF v_shared THEN
            RAISE EXCEPTION 'this is material, so two people decide, each by a login of their own: % is shared', v_login
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        FOR v_by IN SELECT * FROM recon_store.proposers(p_gateway, v_breaks, p_decision ->> 'digest') LOOP
            IF NOT (v_by ->> 'authenticated')::boolean THEN
                RAISE EXCEPTION 'this is material, and was proposed under %, a login that people share; propose it'
                    ' again by a login of your own', v_by ->> 'login' USING ERRCODE = 'insufficient_privilege';
            ELSIF v_by ->> 'login' = v_login THEN
                RAISE EXCEPTION 'this is material, and % proposed it: somebody else approves it', v_login
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
        END LOOP;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'nothing was proposed for these breaks' USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.check_decision IS 'Refuses a decision that needs another person than who takes it';

REVOKE ALL ON FUNCTION recon_store.check_decision FROM PUBLIC;
