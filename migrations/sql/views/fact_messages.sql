CREATE VIEW recon_exact.fact_messages AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    m.message ->> 'fact' AS fact,
    m.message ->> 'external_id' AS external_id,
    m.message ->> 'occurred_at' AS occurred_at,
    m.message ->> 'unit_kind' AS unit_kind,
    m.message ->> 'unit' AS unit,
    recon_store.number_of(m.message ->> 'amount') AS amount,
    m.message ->> 'counter_account' AS counter_account,
    m.message ->> 'symbol' AS symbol,
    m.message ->> 'side' AS side,
    recon_store.number_of(m.message ->> 'quantity') AS quantity,
    recon_store.number_of(m.message ->> 'price') AS price,
    recon_store.number_of(m.message ->> 'cash') AS cash,
    recon_store.number_of(m.message ->> 'fee') AS fee,
    m.message ->> 'fee_asset' AS fee_asset,
    m.message ->> 'order_id' AS order_id,
    m.message ->> 'trade_id' AS trade_id,
    m.message ->> 'source' AS source,
    m.message ->> 'statement' AS statement,
    m.message -> 'file' ->> 'digest' AS file_digest,
    m.message ->> 'text' AS text,
    m.message -> 'by' ->> 'login' AS login,
    CASE m.message -> 'by' ->> 'authenticated' WHEN 'true' THEN true WHEN 'false' THEN false END AS authenticated,
    m.message -> 'by' ->> 'name' AS name
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind IN ('fact', 'venue.trade');

COMMENT ON VIEW recon_exact.fact_messages IS
    'Facts from outside as they were told, by statements, people and venues; facts has what became of them';
COMMENT ON COLUMN recon_exact.fact_messages.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon_exact.fact_messages.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon_exact.fact_messages.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon_exact.fact_messages.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon_exact.fact_messages.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon_exact.fact_messages.fact IS
    'deposit, withdrawal, transfer, fee, rebate, funding, interest, reward, conversion, adjustment, opening or '
    'trade';
COMMENT ON COLUMN recon_exact.fact_messages.external_id IS
    'The statement''s own id, else a digest of the row; told: and a number where a person told it';
COMMENT ON COLUMN recon_exact.fact_messages.occurred_at IS 'When it happened, as text, as the source says';
COMMENT ON COLUMN recon_exact.fact_messages.unit_kind IS 'asset or contract; null: asset';
COMMENT ON COLUMN recon_exact.fact_messages.unit IS 'The asset or contract, as the source writes it; null: a trade';
COMMENT ON COLUMN recon_exact.fact_messages.amount IS 'The change, in the unit itself, signed; null: a trade';
COMMENT ON COLUMN recon_exact.fact_messages.counter_account IS
    'The account on the other side of a transfer; null: none is told';
COMMENT ON COLUMN recon_exact.fact_messages.symbol IS 'Trades: the symbol; null: no trade';
COMMENT ON COLUMN recon_exact.fact_messages.side IS 'Trades: BUY or SELL; null: no trade';
COMMENT ON COLUMN recon_exact.fact_messages.quantity IS 'Trades: the quantity, positive; null: no trade';
COMMENT ON COLUMN recon_exact.fact_messages.price IS 'Trades: the price; null: not told';
COMMENT ON COLUMN recon_exact.fact_messages.cash IS 'Trades: the cash, positive; null: not told';
COMMENT ON COLUMN recon_exact.fact_messages.fee IS 'Trades: the fee, positive; a rebate is negative; null: not told';
COMMENT ON COLUMN recon_exact.fact_messages.fee_asset IS 'Trades: what the fee was paid in; null: not told';
COMMENT ON COLUMN recon_exact.fact_messages.order_id IS 'Trades: the venue''s id of the order; null: not told';
COMMENT ON COLUMN recon_exact.fact_messages.trade_id IS 'Trades: the venue''s id of the trade; null: not told';
COMMENT ON COLUMN recon_exact.fact_messages.source IS 'The statement, or where else it is from';
COMMENT ON COLUMN recon_exact.fact_messages.statement IS
    'The format or mapping that it was read by, or the venue that was asked; null: a person told it';
COMMENT ON COLUMN recon_exact.fact_messages.file_digest IS 'Digest of the imported file; null: it is no row of a file';
COMMENT ON COLUMN recon_exact.fact_messages.text IS 'What the person wrote; null: nothing';
COMMENT ON COLUMN recon_exact.fact_messages.login IS 'The login that told it, as the database saw it; of what a venue itself told, the venue';
COMMENT ON COLUMN recon_exact.fact_messages.authenticated IS 'Whether the login is one person''s own';
COMMENT ON COLUMN recon_exact.fact_messages.name IS 'The name given under the login; null: none';

GRANT SELECT ON recon_exact.fact_messages TO recon_analyst, recon_service, recon_operator;
