-- Which breaks are open, the most valuable first?
-- why: It is the list of work: what it is worth, why, and who has it.
-- coverage: coverage: now; a break of an account in a gap may clear by what is fetched.
SELECT
    b.gateway, b.account, b.unit, b.cause, b.certainty, b.amount, b.amount_usd, b.severity, b.state, b.assignee,
    b.opened_at, b.id, a.state AS coverage
FROM recon.open_breaks AS b
LEFT JOIN recon.accounts AS a ON a.gateway = b.gateway AND a.account = b.account
ORDER BY abs(b.amount_usd) DESC NULLS FIRST, b.gateway, b.id;
