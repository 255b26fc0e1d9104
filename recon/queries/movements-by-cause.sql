-- What moved each unit, by day and cause?
-- why: It is the roll-forward of a day: openings, fills, fees, funding, deposits and what people explained.
-- coverage: covered_share: of the day; the movements of a gap are those that were fetched or told since.
SELECT
    (e.occurred_at AT TIME ZONE 'UTC')::date AS day,
    e.gateway,
    e.account,
    e.unit_kind,
    e.unit,
    e.cause,
    sum(e.amount) AS amount,
    count(*) AS entries,
    min(c.covered_share) AS covered_share
FROM recon.entries AS e
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = e.gateway AND c.account = e.account AND c.day = (e.occurred_at AT TIME ZONE 'UTC')::date
GROUP BY (e.occurred_at AT TIME ZONE 'UTC')::date, e.gateway, e.account, e.unit_kind, e.unit, e.cause
ORDER BY day, e.gateway, e.account, e.unit_kind, e.unit, e.cause;
