CREATE VIEW recon_exact.cases AS
SELECT
    t.case_id,
    t.gateway,
    array_agg(DISTINCT t.account ORDER BY t.account) AS accounts,
    count(*) AS breaks,
    count(*) FILTER (WHERE t.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')) AS open_breaks,
    CASE WHEN count(*) = count(t.amount_usd) THEN sum(abs(t.amount_usd)) END AS amount_usd,
    (array_agg(t.cause ORDER BY t.after_seq, t.id))[1] AS cause,
    (array_agg(t.state ORDER BY array_position(
        ARRAY['open', 'assigned', 'investigating', 'proposed', 'accepted', 'resolved', 'explained', 'cleared'],
        t.state
    )))[1] AS state,
    min(t.opened_at) AS opened_at,
    (array_agg(t.severity ORDER BY array_position(
        ARRAY['info', 'low', 'medium', 'high', 'critical'],
        t.severity
    ) DESC NULLS LAST))[1] AS severity,
    ARRAY(
        SELECT u.cause FROM unnest(array_agg(t.cause ORDER BY t.after_seq, t.id)) WITH ORDINALITY AS u (cause, place)
        GROUP BY u.cause ORDER BY min(u.place)
    ) AS causes
FROM recon_store.breaks AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
GROUP BY t.case_id, t.gateway;

COMMENT ON VIEW recon_exact.cases IS 'Breaks of one common cause: what alerts and people act on';
COMMENT ON COLUMN recon_exact.cases.case_id IS 'The case: breaks of one common cause, which alerts and people act on';
COMMENT ON COLUMN recon_exact.cases.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.cases.accounts IS 'The accounts (EMS exchange_id) that its breaks are of';
COMMENT ON COLUMN recon_exact.cases.breaks IS 'How many breaks it has, open or over';
COMMENT ON COLUMN recon_exact.cases.open_breaks IS 'How many of them are open, in whatever state of being worked on';
COMMENT ON COLUMN recon_exact.cases.amount_usd IS
    'Sum of the sizes of its breaks, in USD, not negative; null: of one of them no rate is known (not zero)';
COMMENT ON COLUMN recon_exact.cases.cause IS 'The cause of its first break; causes has all of them';
COMMENT ON COLUMN recon_exact.cases.state IS 'That of the break that has come least far';
COMMENT ON COLUMN recon_exact.cases.opened_at IS 'Log time at which the first of them opened';
COMMENT ON COLUMN recon_exact.cases.severity IS 'The highest of its breaks; null: not judged';
COMMENT ON COLUMN recon_exact.cases.causes IS
    'The causes of its breaks, each once, in the order of the first break of each; several: its breaks differ';

GRANT SELECT ON recon_exact.cases TO recon_analyst, recon_service, recon_operator;
