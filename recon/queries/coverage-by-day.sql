-- How much of each day was covered?
-- why: A figure of a day that was not covered throughout is a claim that nobody can prove.
-- coverage: covered_share: the answer itself; dead is what nobody has looked at since the last sign of life.
SELECT d.day, d.gateway, d.account, d.covered, d.unresolved, d.catching_up, d.gap, d.dead, d.covered_share, d.whole
FROM recon.coverage_daily AS d
ORDER BY d.day DESC, d.gateway, d.account;
