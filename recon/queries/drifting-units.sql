-- Which balances and positions do not agree?
-- why: Each line is money that the books and the venue see differently, the largest first.
-- coverage: coverage: anything but covered means that the report, the books or both may lack something.
SELECT
    u.gateway, u.account, u.unit_kind, u.unit, u.value AS books, u.reported, u.unexplained, u.verdict, u.reason,
    c.state AS coverage
FROM recon_exact.units_as_of(coalesce(CAST(:valid_at AS timestamptz), now()), CAST(:known_at AS timestamptz)) AS u
LEFT JOIN LATERAL (
    SELECT x.state
    FROM recon.coverage_as_of(coalesce(CAST(:valid_at AS timestamptz), now()), CAST(:known_at AS timestamptz)) AS x
    WHERE x.gateway = u.gateway AND x.account = u.account
    ORDER BY x.from_seq DESC
    LIMIT 1
) AS c ON true
WHERE u.verdict <> 'agreed'
ORDER BY abs(u.unexplained) DESC NULLS LAST, u.gateway, u.account, u.unit;
