CREATE VIEW recon_exact.execution_reports AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    e.session,
    e.kind,
    r.row_no,
    r.item ->> 'exchange_id' AS named_account,
    r.item ->> 'client_order_id' AS client_order_id,
    r.item ->> 'exchange_order_id' AS exchange_order_id,
    r.item ->> 'symbol_id_exchange' AS symbol,
    r.item ->> 'symbol_id_coinapi' AS symbol_coinapi,
    r.item ->> 'side' AS side,
    r.item ->> 'order_type' AS order_type,
    r.item ->> 'time_in_force' AS time_in_force,
    r.item -> 'exec_inst' AS exec_inst,
    recon_store.number_of(r.item ->> 'amount_order') AS amount_order,
    recon_store.number_of(r.item ->> 'amount_open') AS amount_open,
    recon_store.number_of(r.item ->> 'amount_filled') AS amount_filled,
    recon_store.number_of(r.item ->> 'price') AS price,
    recon_store.number_of(r.item ->> 'avg_px') AS avg_px,
    r.item ->> 'status' AS status,
    r.item -> 'status_history' AS status_history,
    r.item -> 'fills' AS fills,
    r.item ->> 'error_message' AS error_message
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
LEFT JOIN LATERAL json_array_elements(recon_store.rows_of(m.message, e.kind LIKE '%SNAPSHOT'))
    WITH ORDINALITY AS r (item, row_no) ON true
WHERE e.kind IN ('ORDER_EXEC_REPORT_SNAPSHOT', 'ORDER_EXEC_REPORT_UPDATE');

COMMENT ON VIEW recon_exact.execution_reports IS
    'What the EMS said of orders: a row for each report of a message, as it was sent; orders has what recon makes'
    ' of them';
COMMENT ON COLUMN recon_exact.execution_reports.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon_exact.execution_reports.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon_exact.execution_reports.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon_exact.execution_reports.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon_exact.execution_reports.account IS
    'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon_exact.execution_reports.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon_exact.execution_reports.kind IS
    'The EMS message type: a snapshot lists all that there is, an update what has changed';
COMMENT ON COLUMN recon_exact.execution_reports.row_no IS
    '1, 2, 3 … within the message; null: the message has no row that can be read';
COMMENT ON COLUMN recon_exact.execution_reports.named_account IS
    'The account that the report itself names; recon books it there. null: that of the message';
COMMENT ON COLUMN recon_exact.execution_reports.client_order_id IS 'The client''s id; null: none was sent';
COMMENT ON COLUMN recon_exact.execution_reports.exchange_order_id IS 'The exchange''s id; null: none was sent';
COMMENT ON COLUMN recon_exact.execution_reports.symbol IS 'The EMS''s symbol_id_exchange; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.symbol_coinapi IS 'The EMS''s symbol_id_coinapi; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.side IS 'BUY or SELL, as sent; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.order_type IS 'The type of the order, as sent; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.time_in_force IS 'How long the order is good, as sent; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.exec_inst IS 'Instructions of the order, as JSON; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.amount_order IS
    'Amount ordered, in the instrument''s own unit; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon_exact.execution_reports.amount_open IS
    'Amount still open; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon_exact.execution_reports.amount_filled IS
    'Amount filled so far; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon_exact.execution_reports.price IS
    'Limit price, in quote per base; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon_exact.execution_reports.avg_px IS
    'Average price of what is filled, in quote per base; null: not sent, or no number within bounds';
COMMENT ON COLUMN recon_exact.execution_reports.status IS 'The status of the order, in the EMS''s words; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.status_history IS
    'A JSON list of statuses with their times, as sent; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.fills IS
    'A JSON list of fills with time, price and amount, as sent; null: not sent';
COMMENT ON COLUMN recon_exact.execution_reports.error_message IS 'What went wrong, in the EMS''s words; null: nothing';

GRANT SELECT ON recon_exact.execution_reports TO recon_analyst, recon_service, recon_operator;
