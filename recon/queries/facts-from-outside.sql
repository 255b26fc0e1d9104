-- What did statements and people tell, and what came of it?
-- why: Facts from outside move the books like fills do, so each has its source and its effect.
-- coverage: covered_share: of the day at which it happened; before the first day nothing is known.
SELECT
    f.occurred_at, f.gateway, f.account, f.fact, f.unit, f.amount, f.effect, f.source, f.login, f.approved_by,
    f.external_id, c.covered_share
FROM recon.facts AS f
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = f.gateway AND c.account = f.account AND c.day = (f.occurred_at AT TIME ZONE 'UTC')::date
ORDER BY f.occurred_at DESC, f.gateway, f.external_id;
