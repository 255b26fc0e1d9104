CREATE VIEW recon.balance_messages AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    e.session,
    e.kind,
    r.row_no,
    r.item ->> 'asset_id_exchange' AS asset,
    r.item ->> 'asset_id_coinapi' AS asset_coinapi,
    recon_store.number_of(r.item ->> 'balance') AS balance,
    recon_store.number_of(r.item ->> 'available') AS available,
    recon_store.number_of(r.item ->> 'locked') AS locked,
    r.item ->> 'last_updated_by' AS last_updated_by,
    recon_store.number_of(r.item ->> 'rate_usd') AS rate_usd
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
LEFT JOIN LATERAL json_array_elements(recon_store.rows_of(m.message, e.kind LIKE '%SNAPSHOT'))
    WITH ORDINALITY AS r (item, row_no) ON true
WHERE e.kind IN ('BALANCE_SNAPSHOT', 'BALANCE_UPDATE');

COMMENT ON VIEW recon.balance_messages IS
    'What the EMS said of balances: a row for each asset of a message, as it was sent';
COMMENT ON COLUMN recon.balance_messages.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.balance_messages.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.balance_messages.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.balance_messages.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.balance_messages.account IS
    'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.balance_messages.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.balance_messages.kind IS
    'The EMS message type: a snapshot lists all that there is, an update what has changed';
COMMENT ON COLUMN recon.balance_messages.row_no IS
    '1, 2, 3 … within the message; null: the message has no row that can be read';
COMMENT ON COLUMN recon.balance_messages.asset IS 'The EMS''s asset_id_exchange; null: not sent';
COMMENT ON COLUMN recon.balance_messages.asset_coinapi IS 'The EMS''s asset_id_coinapi; null: not sent';
COMMENT ON COLUMN recon.balance_messages.balance IS
    'The balance, in the asset itself, signed; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon.balance_messages.available IS
    'What of it is free; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon.balance_messages.locked IS
    'What of it is locked by open orders; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon.balance_messages.last_updated_by IS
    'Who changed it last, as sent: the exchange or the EMS; null: not sent';
COMMENT ON COLUMN recon.balance_messages.rate_usd IS
    'USD for one of the asset; null: not sent, or no number within bounds';

GRANT SELECT ON recon.balance_messages TO recon_analyst, recon_service, recon_operator;
