-- When did connections with gateways begin and end, and why?
-- why: A connection that ends each night at the same time is a setting, not an accident.
-- coverage: covered_share: the least of the gateway's accounts on that day.
SELECT
    s.recorded_at, s.gateway, s.event, s.reason, s.code, s.url,
    (
        SELECT min(c.covered_share)
        FROM recon.coverage_daily AS c
        WHERE c.gateway = s.gateway AND c.day = (s.recorded_at AT TIME ZONE 'UTC')::date
    ) AS covered_share
FROM recon.sessions AS s
ORDER BY s.recorded_at DESC, s.gateway, s.seq;
