-- Which positions did the books hold at a time?
-- why: Margin and exposure of a past time are worked out again from what was believed then. Drift is of observed_at.
-- coverage: coverage: the state at that time; a gap means that fills of it may have come later.
SELECT
    p.gateway, p.account, p.symbol, p.quantity, p.expected, p.reported, p.drift, p.verdict, p.observed_at,
    c.state AS coverage
FROM recon.positions_as_of(coalesce(CAST(:valid_at AS timestamptz), now()), CAST(:known_at AS timestamptz)) AS p
LEFT JOIN LATERAL (
    SELECT x.state
    FROM recon.coverage_as_of(coalesce(CAST(:valid_at AS timestamptz), now()), CAST(:known_at AS timestamptz)) AS x
    WHERE x.gateway = p.gateway AND x.account = p.account
    ORDER BY x.from_seq DESC
    LIMIT 1
) AS c ON true
ORDER BY p.gateway, p.account, p.symbol;
