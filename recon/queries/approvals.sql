-- Who proposed and who approved, and on what digest?
-- why: An auditor asks for the two people behind each entry that explains a difference.
-- coverage: covered_share: of the day of the proposal; a decision on a day with gaps rests on less.
SELECT
    p.proposed_at, p.gateway, p.about, p.subject, p.account, p.unit, p.amount, p.state, p.proposed_by, p.decided_by,
    p.decided_at, p.digest, c.covered_share
FROM recon.approvals AS p
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = p.gateway AND c.account = p.account AND c.day = (p.proposed_at AT TIME ZONE 'UTC')::date
ORDER BY p.proposed_at DESC, p.gateway, p.subject;
