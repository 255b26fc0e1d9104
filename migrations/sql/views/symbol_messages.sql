CREATE VIEW recon_exact.symbol_messages AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    e.session,
    e.kind,
    r.row_no,
    r.item ->> 'symbol_id_exchange' AS symbol,
    r.item ->> 'symbol_id_coinapi' AS symbol_coinapi,
    r.item ->> 'asset_id_base_exchange' AS base,
    r.item ->> 'asset_id_quote_exchange' AS quote,
    r.item ->> 'asset_id_base_coinapi' AS base_coinapi,
    r.item ->> 'asset_id_quote_coinapi' AS quote_coinapi,
    recon_store.number_of(r.item ->> 'price_precision') AS price_step,
    recon_store.number_of(r.item ->> 'size_precision') AS size_step
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
LEFT JOIN LATERAL json_array_elements(recon_store.rows_of(m.message, e.kind LIKE '%SNAPSHOT'))
    WITH ORDINALITY AS r (item, row_no) ON true
WHERE e.kind = 'SYMBOLS_SNAPSHOT';

COMMENT ON VIEW recon_exact.symbol_messages IS
    'What the EMS said of instruments: a row for each symbol of a message, as it was sent';
COMMENT ON COLUMN recon_exact.symbol_messages.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon_exact.symbol_messages.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon_exact.symbol_messages.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon_exact.symbol_messages.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon_exact.symbol_messages.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon_exact.symbol_messages.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon_exact.symbol_messages.kind IS
    'The EMS message type: a snapshot lists all that there is, an update what has changed';
COMMENT ON COLUMN recon_exact.symbol_messages.row_no IS
    '1, 2, 3 … within the message; null: the message has no row that can be read';
COMMENT ON COLUMN recon_exact.symbol_messages.symbol IS 'The EMS''s symbol_id_exchange; null: not sent';
COMMENT ON COLUMN recon_exact.symbol_messages.symbol_coinapi IS
    'The EMS''s symbol_id_coinapi, whose second term is the type; null: not sent';
COMMENT ON COLUMN recon_exact.symbol_messages.base IS 'The venue''s code of the base; null: not sent';
COMMENT ON COLUMN recon_exact.symbol_messages.quote IS 'The venue''s code of the quote; null: not sent';
COMMENT ON COLUMN recon_exact.symbol_messages.base_coinapi IS 'CoinAPI''s code of the base; null: not sent';
COMMENT ON COLUMN recon_exact.symbol_messages.quote_coinapi IS 'CoinAPI''s code of the quote; null: not sent';
COMMENT ON COLUMN recon_exact.symbol_messages.price_step IS 'Step of prices; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon_exact.symbol_messages.size_step IS 'Step of amounts; null: not sent, or no number within bounds';

GRANT SELECT ON recon_exact.symbol_messages TO recon_analyst, recon_service, recon_operator;
