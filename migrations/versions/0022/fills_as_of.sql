CREATE FUNCTION recon.fills_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, order_key text, ordinal integer, symbol text, side text, price numeric,
    price_known boolean, amount numeric, cash numeric, cash_asset text, filled_at timestamptz, seq bigint, source text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        f.gateway, f.account, f.order_key, f.ordinal, f.symbol, f.side, f.price, f.price_known, f.amount, f.cash,
        f.cash_asset, f.filled_at, f.seq, f.source
    FROM recon.fills AS f
    JOIN recon.log_as_of(fills_as_of.known_at) AS l ON l.gateway = f.gateway
    WHERE f.filled_at <= coalesce(fills_as_of.valid_at, now()) AND f.seq <= l.seq
$$;

COMMENT ON FUNCTION recon.fills_as_of IS
    'The fills of until valid_at that were booked by known_at (null: now), with the columns of fills';

REVOKE ALL ON FUNCTION recon.fills_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.fills_as_of TO recon_analyst, recon_service, recon_operator;
