CREATE VIEW recon_exact.orders AS
SELECT
    t.gateway,
    t.account,
    t.order_key,
    t.client_order_id,
    t.exchange_order_id,
    t.symbol,
    t.symbol_coinapi,
    t.side,
    t.price,
    t.amount_order,
    t.amount_filled,
    t.amount_open,
    t.avg_px,
    t.status,
    t.first_seq,
    t.last_seq,
    t.updated_at,
    t.open
FROM recon_store.orders AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon_exact.orders IS 'The furthest known state of each order, joined from all its reports';
COMMENT ON COLUMN recon_exact.orders.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.orders.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.orders.order_key IS
    'recon''s name of the order; one for each generation of a client id that is used again';
COMMENT ON COLUMN recon_exact.orders.client_order_id IS 'The client''s id; null: none was sent';
COMMENT ON COLUMN recon_exact.orders.exchange_order_id IS 'The exchange''s id; null: none was sent yet';
COMMENT ON COLUMN recon_exact.orders.symbol IS 'The EMS''s symbol_id_exchange; null: not sent';
COMMENT ON COLUMN recon_exact.orders.symbol_coinapi IS 'The EMS''s symbol_id_coinapi; null: not sent';
COMMENT ON COLUMN recon_exact.orders.side IS 'BUY or SELL; null: not known';
COMMENT ON COLUMN recon_exact.orders.price IS 'Limit price, in quote per base; null: not known';
COMMENT ON COLUMN recon_exact.orders.amount_order IS
    'Amount ordered, not negative, in the instrument''s own unit; null: not known';
COMMENT ON COLUMN recon_exact.orders.amount_filled IS 'Amount filled so far, not negative; the authority on what was filled';
COMMENT ON COLUMN recon_exact.orders.amount_open IS 'Amount still open, as reported, not negative; null: not known';
COMMENT ON COLUMN recon_exact.orders.avg_px IS 'Average price of amount_filled, in quote per base; null: not known';
COMMENT ON COLUMN recon_exact.orders.status IS 'The furthest status reported, in the EMS''s words';
COMMENT ON COLUMN recon_exact.orders.first_seq IS 'Log position of its first report';
COMMENT ON COLUMN recon_exact.orders.last_seq IS 'Log position of the last report that changed it';
COMMENT ON COLUMN recon_exact.orders.updated_at IS 'Log time of that report';
COMMENT ON COLUMN recon_exact.orders.open IS 'Whether it is open, or has fills that wait for their instrument';

GRANT SELECT ON recon_exact.orders TO recon_analyst, recon_service, recon_operator;
