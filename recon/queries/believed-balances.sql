-- What did the books say was held at a time?
-- why: A figure that went out in a report is checked against what recon believed at that time. Drift is of observed_at.
-- coverage: coverage: the state at that time; a gap means that fills of it may have come later.
SELECT
    b.gateway, b.account, b.asset, b.balance, b.expected, b.reported, b.drift, b.verdict, b.observed_at,
    c.state AS coverage
FROM recon.balances_as_of(coalesce(CAST(:valid_at AS timestamptz), now()), CAST(:known_at AS timestamptz)) AS b
LEFT JOIN LATERAL (
    SELECT x.state
    FROM recon.coverage_as_of(coalesce(CAST(:valid_at AS timestamptz), now()), CAST(:known_at AS timestamptz)) AS x
    WHERE x.gateway = b.gateway AND x.account = b.account
    ORDER BY x.from_seq DESC
    LIMIT 1
) AS c ON true
ORDER BY b.gateway, b.account, b.asset;
