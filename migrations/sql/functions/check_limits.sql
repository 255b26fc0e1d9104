-- The answer is the same whether what is named is hidden or is not there, so nobody learns which.
CREATE FUNCTION recon_store.check_limits(p_gateway text, p_document jsonb, p_account text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_accounts text[] := array_remove(
        ARRAY[p_account, p_document ->> 'account', p_document ->> 'counter_account'], NULL);
    v_breaks   text[] := '{}';
    v_facts    text[] := '{}';
    v_edition  integer;
BEGIN
    IF recon.sees(p_gateway, '') THEN
        RETURN;
    END IF;
    IF jsonb_typeof(p_document -> 'breaks') = 'array' THEN
        v_breaks := ARRAY(SELECT b FROM jsonb_array_elements_text(p_document -> 'breaks') AS b);
    END IF;
    IF jsonb_typeof(p_document -> 'facts') = 'array' THEN
        v_facts := ARRAY(SELECT f FROM jsonb_array_elements_text(p_document -> 'facts') AS f);
    END IF;
    SELECT c.edition INTO v_edition FROM recon_store.editions AS c
        WHERE c.gateway = p_gateway AND c.state = 'current';
    IF p_document ->> 'action' IN ('approve_rules', 'reject_rules')
       OR cardinality(v_accounts || v_breaks || v_facts) = 0
       OR EXISTS (SELECT FROM unnest(v_accounts) AS a(name) WHERE NOT recon.sees(p_gateway, a.name))
       OR EXISTS (
           SELECT FROM unnest(v_breaks) AS b(id) WHERE NOT recon_store.sees_break(p_gateway, v_edition, b.id))
       OR EXISTS (
           SELECT FROM unnest(v_facts) AS f(seq)
           WHERE NOT EXISTS (
               SELECT FROM recon_store.log_events AS e
               WHERE e.gateway = p_gateway AND e.seq::text = f.seq AND e.kind = 'fact'
                 AND recon.sees(e.gateway, e.account))) THEN
        RAISE EXCEPTION '% is limited to some accounts, and this is not of those alone; somebody who sees all of it'
            ' decides it', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;

COMMENT ON FUNCTION recon_store.check_limits IS
    'Refuses a decision or a fact of a limited login that is not of accounts alone that the login may see';

REVOKE ALL ON FUNCTION recon_store.check_limits FROM PUBLIC;
