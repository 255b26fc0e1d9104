-- What does the firm hold of each asset?
-- why: An account that two gateways show counts once, so the total can stand in a report.
-- coverage: uncovered_accounts: accounts of any gateway that are not covered now.
SELECT
    f.asset, f.balance, f.balance_usd, f.reported, f.expected, f.unexplained, f.accounts, f.same_account, f.verdict,
    u.accounts AS uncovered_accounts
FROM recon.firm_balances AS f
CROSS JOIN (SELECT count(*) AS accounts FROM recon.accounts AS a WHERE a.state <> 'covered') AS u
ORDER BY f.balance_usd DESC NULLS LAST, f.asset;
