-- When was nothing seen, why, and what came of it?
-- why: Each gap is a place where a fill or a transfer may be missing.
-- coverage: recovery: what catching up came to; null: the account was observed.
SELECT c.gateway, c.account, c.from_time, c.until_time, c.lasted, c.state, c.reason, c.recovery
FROM recon.coverage AS c
WHERE c.state <> 'covered'
ORDER BY c.from_time DESC, c.gateway, c.account;
