CREATE VIEW recon.position_messages AS
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
    recon_store.number_of(r.item ->> 'quantity') AS quantity,
    r.item ->> 'side' AS side,
    recon_store.number_of(r.item ->> 'avg_entry_price') AS avg_entry_price,
    recon_store.number_of(coalesce(r.item ->> 'unrealised_pnl', r.item ->> 'unrealized_pnl')) AS unrealised_pnl,
    recon_store.number_of(r.item ->> 'liquidation_price') AS liquidation_price,
    recon_store.number_of(r.item ->> 'leverage') AS leverage
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
LEFT JOIN LATERAL json_array_elements(recon_store.rows_of(m.message, e.kind LIKE '%SNAPSHOT'))
    WITH ORDINALITY AS r (item, row_no) ON true
WHERE e.kind IN ('POSITION_SNAPSHOT', 'POSITION_UPDATE');

COMMENT ON VIEW recon.position_messages IS
    'What the EMS said of positions: a row for each contract of a message, as it was sent';
COMMENT ON COLUMN recon.position_messages.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.position_messages.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.position_messages.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.position_messages.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.position_messages.account IS
    'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.position_messages.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.position_messages.kind IS
    'The EMS message type: a snapshot lists all that there is, an update what has changed';
COMMENT ON COLUMN recon.position_messages.row_no IS
    '1, 2, 3 … within the message; null: the message has no row that can be read';
COMMENT ON COLUMN recon.position_messages.symbol IS 'The EMS''s symbol_id_exchange; null: not sent';
COMMENT ON COLUMN recon.position_messages.symbol_coinapi IS 'The EMS''s symbol_id_coinapi; null: not sent';
COMMENT ON COLUMN recon.position_messages.quantity IS
    'The quantity with the sign that it was sent with; side tells the direction; null: not sent, or no number '
    'within bounds';
COMMENT ON COLUMN recon.position_messages.side IS 'BUY: long, SELL: short, as sent; null: not sent';
COMMENT ON COLUMN recon.position_messages.avg_entry_price IS
    'Average entry price; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon.position_messages.unrealised_pnl IS
    'Profit that is not realised, as the venue reckons; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon.position_messages.liquidation_price IS
    'Price at which the venue closes the position; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon.position_messages.leverage IS 'Leverage; null: not sent, or no number within bounds';

GRANT SELECT ON recon.position_messages TO recon_analyst, recon_service, recon_operator;
