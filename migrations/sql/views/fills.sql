CREATE VIEW recon_exact.fills AS
SELECT
    t.gateway,
    t.account,
    t.order_key,
    t.ordinal,
    t.symbol,
    t.side,
    t.price,
    t.price_known,
    t.amount,
    t.cash,
    t.cash_asset,
    t.filled_at,
    t.seq,
    t.source
FROM recon_store.fills AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon_exact.fills IS
    'What was booked of each order, in the order of booking; reports may be coarser than the venue''s own fills';
COMMENT ON COLUMN recon_exact.fills.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.fills.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.fills.order_key IS 'The order, as in orders';
COMMENT ON COLUMN recon_exact.fills.ordinal IS '1, 2, 3 … within the order';
COMMENT ON COLUMN recon_exact.fills.symbol IS 'The EMS''s symbol_id_exchange';
COMMENT ON COLUMN recon_exact.fills.side IS 'BUY or SELL';
COMMENT ON COLUMN recon_exact.fills.price IS 'In quote per base; null: not known (the cash is exact where the price is not)';
COMMENT ON COLUMN recon_exact.fills.price_known IS 'Whether the report told the price; if not, the cash is not known either';
COMMENT ON COLUMN recon_exact.fills.amount IS 'Amount filled, not negative, in the instrument''s own unit';
COMMENT ON COLUMN recon_exact.fills.cash IS
    'Change of cash_asset, signed (a purchase is negative), without fees; null: not known, or not modelled';
COMMENT ON COLUMN recon_exact.fills.cash_asset IS 'The balance row that the cash moves in; null: no cash is modelled';
COMMENT ON COLUMN recon_exact.fills.filled_at IS 'When it was filled as the EMS reports it, UTC; else log time of the report';
COMMENT ON COLUMN recon_exact.fills.seq IS 'Log position of the report that it was booked from';
COMMENT ON COLUMN recon_exact.fills.source IS
    'What it was booked from: the report''s own list of fills, or the difference of cumulative reports';

GRANT SELECT ON recon_exact.fills TO recon_analyst, recon_service, recon_operator;
