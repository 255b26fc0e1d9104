-- The first person of a fact: who told it, or, where a shared login told it, who approved it first.
CREATE FUNCTION recon_store.tellers(p_gateway text, p_facts jsonb) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH told AS MATERIALIZED (
        SELECT e.seq, convert_from(e.payload, 'UTF8')::jsonb -> 'by' AS by
        FROM jsonb_array_elements(p_facts) AS f(value)
        JOIN recon_store.log_events AS e
            ON e.gateway = p_gateway AND e.seq = f.value::text::bigint AND e.kind = 'fact' AND e.readable
    )
    SELECT t.by ->> 'login' FROM told AS t WHERE (t.by ->> 'authenticated')::boolean
    UNION
    SELECT w.vouched_by FROM told AS t
    JOIN recon_store.editions AS c ON c.gateway = p_gateway AND c.state = 'current'
    JOIN recon_store.waiting_facts AS w ON (w.gateway, w.edition, w.seq) = (c.gateway, c.edition, t.seq)
    WHERE w.vouched_by IS NOT NULL
$$;

COMMENT ON FUNCTION recon_store.tellers IS
    'The persons who told these facts, or were the first to approve them: somebody else is the second person';

REVOKE ALL ON FUNCTION recon_store.tellers FROM PUBLIC;
