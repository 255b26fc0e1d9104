-- What did we believe then, and know now was true then?
-- why: What changed after it was reported has to be told to whoever relied on it.
-- coverage: coverage: now; what a gap still hides may change the past again.
SELECT
    r.gateway, r.account, r.unit_kind, r.unit, r.believed, r.known, r.difference, a.state AS coverage
FROM recon.restatements(coalesce(CAST(:valid_at AS timestamptz), now() - interval '1 day'), now()) AS r
LEFT JOIN recon.accounts AS a ON a.gateway = r.gateway AND a.account = r.account
ORDER BY r.gateway, r.account, r.unit;
