CREATE VIEW recon_exact.pnl_daily AS
SELECT
    d.gateway,
    d.account,
    d.symbol,
    d.day,
    d.asset,
    d.realised,
    d.fees,
    d.funding,
    d.net,
    CASE WHEN d.held > 0 THEN
        round(round(d.held * b.rate_usd, 36) / nullif(q.rate_usd, 0), 12) - d.cost
    END AS unrealised,
    CASE WHEN d.held > 0 AND d.cost IS NOT NULL AND b.rate_usd IS NOT NULL AND q.rate_usd <> 0 THEN
        format('rate_usd of %s and %s as last reported', b.unit, d.asset)
    END AS unrealised_by,
    d.method,
    d.fills,
    d.unknown_fills,
    d.uncosted,
    d.told_trades,
    d.held,
    d.held_asset,
    d.cost
FROM recon_exact.pnl_daily_as_of('infinity', 'infinity') AS d
LEFT JOIN recon_store.editions AS c ON c.gateway = d.gateway AND c.state = 'current'
LEFT JOIN recon_store.units AS q
    ON (q.gateway, q.edition, q.account, q.unit_kind, q.unit) = (d.gateway, c.edition, d.account, 'asset', d.asset)
LEFT JOIN LATERAL (
    SELECT u.unit, u.rate_usd
    FROM recon_store.units AS u
    WHERE (u.gateway, u.edition, u.account, u.unit_kind) = (d.gateway, c.edition, d.account, 'asset')
      AND u.coinapi = d.held_asset
      AND u.rate_usd IS NOT NULL
      AND d.held > 0
    ORDER BY u.unit
    LIMIT 1
) AS b ON true;

COMMENT ON VIEW recon_exact.pnl_daily IS
    'What trading earned, by account, symbol, day and asset. Spot: cash less the average cost of what was bought in '
    'the same market since recon began. Contracts: the cash realised by their terms, as booked. Trades that only a '
    'statement or a person told count as told; of one that a report tells later, the report adds what differs';
COMMENT ON COLUMN recon_exact.pnl_daily.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.pnl_daily.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.pnl_daily.symbol IS
    'The EMS''s symbol_id_exchange; null: fees and funding that belong to no symbol that is known';
COMMENT ON COLUMN recon_exact.pnl_daily.day IS 'The calendar day in UTC at which it happened, as far as known';
COMMENT ON COLUMN recon_exact.pnl_daily.asset IS
    'What all amounts of the row are in: the quote, the settlement asset, or what a fee was paid in; null: the terms of '
    'the contract name none';
COMMENT ON COLUMN recon_exact.pnl_daily.realised IS
    'What sales (spot) or closed parts of a position (contracts) earned, fees aside, signed; null: nothing of it is '
    'known. See unknown_fills';
COMMENT ON COLUMN recon_exact.pnl_daily.fees IS 'Fees and rebates, as in fees, signed: a fee is negative; 0: none';
COMMENT ON COLUMN recon_exact.pnl_daily.funding IS 'Funding, signed: what was paid is negative; 0: none';
COMMENT ON COLUMN recon_exact.pnl_daily.net IS
    'realised + fees + funding; null: what a fill of the symbol realised on this day is not known';
COMMENT ON COLUMN recon_exact.pnl_daily.unrealised IS
    'Spot, on the newest day of the symbol alone: what the holding bought there is worth beyond its cost; null: any '
    'other day, nothing held, or no rate reported';
COMMENT ON COLUMN recon_exact.pnl_daily.unrealised_by IS 'Which rates unrealised rests on; null: there is none';
COMMENT ON COLUMN recon_exact.pnl_daily.method IS
    'average cost: spot; terms: with the kind and the method of the contract''s terms; null: no fill, or no terms';
COMMENT ON COLUMN recon_exact.pnl_daily.fills IS 'How many fills of orders the row is of';
COMMENT ON COLUMN recon_exact.pnl_daily.unknown_fills IS
    'Fills and told trades that realised an amount that is not, or not wholly, known: no cost, no cash, or no terms';
COMMENT ON COLUMN recon_exact.pnl_daily.uncosted IS
    'Spot: how much of the base was sold beyond what was bought in this market, so without a known cost; realised is '
    'of the rest';

COMMENT ON COLUMN recon_exact.pnl_daily.told_trades IS
    'Trades of the row that a statement or a person told before any report, as told; 0: none';
COMMENT ON COLUMN recon_exact.pnl_daily.held IS
    'Spot, on the newest day of the symbol alone: how much of what was bought in this market is held; null: any other '
    'day, or a contract';
COMMENT ON COLUMN recon_exact.pnl_daily.held_asset IS
    'CoinAPI''s code of what held is of; null: none is held, or no order names it';
COMMENT ON COLUMN recon_exact.pnl_daily.cost IS 'What held had cost, in asset; null: as of held, or not known';

GRANT SELECT ON recon_exact.pnl_daily TO recon_analyst, recon_service, recon_operator;
