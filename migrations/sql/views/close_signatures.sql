-- A signature holds the document, so that what was signed can be read as long as the log.
CREATE VIEW recon_store.close_signatures AS
SELECT
    t.gateway,
    t.seq,
    t.recorded_at,
    t.account,
    t.payload ->> 'action' AS action,
    t.payload ->> 'day' AS day,
    t.payload -> 'by' ->> 'login' AS login,
    t.payload ->> 'text' AS text,
    coalesce((t.payload ->> 'accept_gaps')::boolean, false) AS accept_gaps,
    (t.payload ->> 'close')::bigint AS signs,
    (t.payload ->> 'restates')::bigint AS restates,
    t.payload ->> 'digest' AS digest,
    t.payload -> 'document' AS document
FROM (
    SELECT
        e.gateway,
        e.seq,
        e.recorded_at,
        e.account,
        -- The CASE keeps any other payload from being read at all.
        CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END AS payload
    FROM recon_store.log_events AS e
    WHERE e.kind = 'decision'
) AS t
WHERE t.payload ->> 'action' IN ('sign_close', 'countersign_close');

COMMENT ON VIEW recon_store.close_signatures IS 'Every signature under a closing, as it stands in the log';
