-- Do the numbers of each unit add up?
-- why: Reported = opening + fills + explained + unexplained. A row here is a defect of recon.
-- coverage: coverage: now; the sum holds in gaps too, because it is of what is known.
SELECT b.gateway, b.account, b.asset, b.reported, b.opening, b.fills, b.explained, b.unexplained, a.state AS coverage
FROM recon.balances AS b
LEFT JOIN recon.accounts AS a ON a.gateway = b.gateway AND a.account = b.account
WHERE b.reported IS NOT NULL AND b.opening IS NOT NULL
  AND b.reported <> b.opening + b.fills + b.explained + b.unexplained
ORDER BY b.gateway, b.account, b.asset;
