-- What did each symbol earn, by day?
-- why: Realised profit, fees and funding in one line; net is empty where a part of it is not known.
-- coverage: covered_share: of the day; trades in a gap count on the day at which they were made, once they are known.
SELECT
    p.day, p.gateway, p.account, p.symbol, p.asset, p.realised, p.fees, p.funding, p.net, p.unrealised, p.fills,
    p.unknown_fills, c.covered_share
FROM recon.pnl_daily AS p
LEFT JOIN recon.coverage_daily AS c ON c.gateway = p.gateway AND c.account = p.account AND c.day = p.day
ORDER BY p.day, p.gateway, p.account, p.symbol, p.asset;
