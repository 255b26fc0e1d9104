CREATE FUNCTION recon.orders_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, order_key text, client_order_id text, exchange_order_id text, symbol text,
    symbol_coinapi text, side text, price numeric, amount_order numeric, amount_filled numeric, amount_open numeric,
    avg_px numeric, status text, first_seq bigint, last_seq bigint, updated_at timestamptz, open boolean,
    changed_since boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        o.gateway, o.account, o.order_key, o.client_order_id, o.exchange_order_id, o.symbol, o.symbol_coinapi, o.side,
        o.price, o.amount_order,
        CASE WHEN s.changed_since THEN s.filled ELSE o.amount_filled END,
        CASE WHEN NOT s.changed_since THEN o.amount_open END,
        CASE WHEN NOT s.changed_since THEN o.avg_px END,
        CASE WHEN NOT s.changed_since THEN o.status END,
        o.first_seq,
        CASE WHEN NOT s.changed_since THEN o.last_seq END,
        CASE WHEN NOT s.changed_since THEN o.updated_at END,
        CASE WHEN s.changed_since THEN coalesce(s.filled < o.amount_order, true) ELSE o.open END,
        s.changed_since
    FROM recon.orders AS o
    JOIN recon.log_as_of(orders_as_of.known_at) AS k ON k.gateway = o.gateway
    JOIN recon.log_as_of(orders_as_of.valid_at) AS v ON v.gateway = o.gateway
    CROSS JOIN LATERAL (
        SELECT
            o.last_seq > least(k.seq, v.seq) AS changed_since,
            coalesce(sum(f.amount), 0) AS filled,
            count(f.amount) AS fills
        FROM recon.fills AS f
        -- Only of an order that has changed since, so that a long list reads few fills.
        WHERE o.last_seq > least(k.seq, v.seq)
          AND f.gateway = o.gateway AND f.account = o.account AND f.order_key = o.order_key
          AND f.filled_at <= coalesce(orders_as_of.valid_at, now()) AND f.seq <= k.seq
    ) AS s
    WHERE o.first_seq <= k.seq AND (o.first_seq <= v.seq OR s.fills > 0)
$$;

COMMENT ON FUNCTION recon.orders_as_of IS
    'The orders that were reported, or filled, by valid_at, as known at known_at (null: now), with the columns of '
    'orders. changed_since: later reports changed the order; then amount_filled is the sum of its fills of until '
    'valid_at that were booked by known_at, what only a report tells is null (status, amount_open, avg_px, last_seq, '
    'updated_at), and it counts as open unless those fills are all of it. The log has its reports';

REVOKE ALL ON FUNCTION recon.orders_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.orders_as_of TO recon_analyst, recon_service, recon_operator;
