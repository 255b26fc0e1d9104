CREATE FUNCTION recon_store.proposers(p_gateway text, p_breaks text[], p_digest text) RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH proposals AS MATERIALIZED (
        SELECT d.seq, d.document FROM (
            -- The CASE keeps any other payload from being read at all.
            SELECT e.seq,
                   CASE WHEN e.kind = 'decision' AND e.readable
                        THEN convert_from(e.payload, 'UTF8')::jsonb END AS document
            FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway AND e.kind = 'decision'
        ) AS d
        WHERE d.document ->> 'action' IN ('propose', 'accept') AND d.document -> 'breaks' ?| p_breaks
    )
    SELECT p.document -> 'by' FROM proposals AS p WHERE p.document ->> 'digest' = p_digest
    UNION ALL
    SELECT l.by FROM unnest(p_breaks) AS n(id) CROSS JOIN LATERAL (
        SELECT p.document -> 'by' AS by FROM proposals AS p
        WHERE p.document -> 'breaks' ? n.id ORDER BY p.seq DESC LIMIT 1
    ) AS l
    WHERE NOT EXISTS (SELECT FROM proposals AS p WHERE p.document ->> 'digest' = p_digest)
$$;

COMMENT ON FUNCTION recon_store.proposers IS
    'Who proposed what is to be approved: under its digest, or, where breaks that were proposed one by one are '
    'approved together, the latest of each';

REVOKE ALL ON FUNCTION recon_store.proposers FROM PUBLIC;
