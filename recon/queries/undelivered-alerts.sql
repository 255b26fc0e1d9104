-- Which alerts were not delivered?
-- why: An alert that nobody got is a break that nobody works on.
-- coverage: coverage: the worst state of the gateway's accounts now; null: the alert is of no gateway.
SELECT
    d.created_at, d.channel, d.kind, d.event, d.gateway, d.case_id, d.state, d.attempts, d.next_attempt_at,
    d.last_error,
    (
        SELECT coalesce(max(a.state) FILTER (WHERE a.state <> 'covered'), 'covered')
        FROM recon.accounts AS a
        WHERE a.gateway = d.gateway
        HAVING count(*) > 0
    ) AS coverage
FROM recon.deliveries AS d
WHERE d.state <> 'delivered'
ORDER BY d.created_at DESC, d.channel;
