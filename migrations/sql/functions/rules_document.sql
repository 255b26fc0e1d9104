CREATE FUNCTION recon.rules_document(gateway text, seq bigint) RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_payload  bytea;
    v_readable boolean;
    v_document jsonb;
BEGIN
    IF NOT recon_store.sees_gateway(rules_document.gateway) THEN
        RETURN NULL;
    END IF;
    SELECT e.payload, e.readable INTO v_payload, v_readable FROM recon_store.log_events AS e
        WHERE e.gateway = rules_document.gateway AND e.seq = rules_document.seq
          AND e.kind IN ('rules', 'rules.proposed');
    IF recon.sees(rules_document.gateway) OR NOT v_readable THEN
        RETURN CASE WHEN recon.sees(rules_document.gateway) THEN v_payload END;
    END IF;
    v_document := convert_from(v_payload, 'UTF8')::jsonb;
    RETURN convert_to((v_document || jsonb_build_object('accounts', coalesce((
        SELECT jsonb_object_agg(a.name, a.rules)
        FROM jsonb_each(CASE jsonb_typeof(v_document -> 'accounts') WHEN 'object' THEN v_document -> 'accounts' END)
            AS a(name, rules)
        WHERE recon.sees(rules_document.gateway, a.name)
    ), '{}'::jsonb)))::text, 'UTF8');
END $$;

COMMENT ON FUNCTION recon.rules_document IS
    'The rules at a log position, as JSON in UTF-8: exactly as they are in the log, or, for a limited login, with its '
    'own accounts alone; null: there are none';

REVOKE ALL ON FUNCTION recon.rules_document FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.rules_document TO recon_analyst, recon_service, recon_operator;
