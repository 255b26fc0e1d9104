CREATE FUNCTION recon.pnl_daily_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, symbol text, day date, asset text, realised numeric, fees numeric, funding numeric,
    net numeric, method text, fills bigint, unknown_fills bigint, uncosted numeric, told_trades bigint, held numeric,
    held_asset text, cost numeric)
LANGUAGE sql STABLE PARALLEL SAFE
-- Parsed once, by its owner: the aggregate is in a schema that others may not look into.
BEGIN ATOMIC
    SELECT
        d.gateway, d.account, d.symbol, d.day, d.asset, d.realised, d.fees, d.funding,
        CASE WHEN d.unknown_of_day = 0 THEN coalesce(d.realised, 0) + d.fees + d.funding END,
        d.method, d.fills, d.unknown_fills, d.uncosted, d.told_trades, d.held, d.held_asset, d.cost
    FROM (
        SELECT
            p.gateway, p.account, p.symbol, (p.at AT TIME ZONE 'UTC')::date AS day, p.asset,
            sum(p.realised) AS realised,
            coalesce(sum(p.amount) FILTER (WHERE p.part = 'fee'), 0) AS fees,
            coalesce(sum(p.amount) FILTER (WHERE p.part = 'funding'), 0) AS funding,
            max(p.method) AS method,
            count(*) FILTER (WHERE p.part = 'fill') AS fills,
            count(*) FILTER (WHERE p.unknown) AS unknown_fills,
            coalesce(sum(p.uncosted), 0) AS uncosted,
            count(*) FILTER (WHERE p.part = 'told') AS told_trades,
            sum(p.held) AS held,
            max(p.held_asset) AS held_asset,
            sum(p.cost) AS cost,
            sum(count(*) FILTER (WHERE p.unknown)) OVER (
                PARTITION BY p.gateway, p.account, p.symbol, (p.at AT TIME ZONE 'UTC')::date
            ) AS unknown_of_day
        FROM (
            -- Trades of spot, at the average cost of what was bought in the same market.
            SELECT
                s.gateway, s.account, s.symbol, s.at, s.asset, s.part, s.amount,
                s.holding[3] AS realised,
                s.holding[3] IS NULL OR s.holding[4] > 0 OR s.holding[2] IS NULL AS unknown,
                s.holding[4] AS uncosted,
                'average cost' AS method,
                CASE WHEN s.newest THEN s.holding[1] END AS held,
                CASE WHEN s.newest THEN s.base END AS held_asset,
                CASE WHEN s.newest THEN s.holding[2] END AS cost
            FROM (
                SELECT
                    x.gateway, x.account, x.symbol, x.at, x.asset, x.part, x.amount,
                    recon_store.average_cost(x.side IS DISTINCT FROM 'SELL', x.quantity, x.amount) OVER w AS holding,
                    lead(x.seq) OVER w IS NULL AS newest,
                    max(x.base) OVER w AS base
                FROM recon.pnl_parts AS x
                JOIN recon.log_as_of(pnl_daily_as_of.known_at) AS l ON l.gateway = x.gateway
                WHERE x.unit_kind = 'asset'
                  AND x.at <= coalesce(pnl_daily_as_of.valid_at, now()) AND x.seq <= l.seq
                WINDOW w AS (
                    PARTITION BY x.gateway, x.account, x.symbol, x.asset
                    ORDER BY x.at, x.seq, x.order_key, x.ordinal, x.fact
                )
            ) AS s
            UNION ALL
            SELECT
                x.gateway, x.account, x.symbol, x.at, x.asset, x.part, x.amount,
                CASE WHEN x.part = 'realised' THEN x.amount WHEN x.unit_kind = 'contract' AND NOT x.unknown THEN 0 END,
                x.unknown, NULL, x.terms, NULL, NULL, NULL
            FROM recon.pnl_parts AS x
            JOIN recon.log_as_of(pnl_daily_as_of.known_at) AS l ON l.gateway = x.gateway
            WHERE x.unit_kind IS DISTINCT FROM 'asset'
              AND x.at <= coalesce(pnl_daily_as_of.valid_at, now()) AND x.seq <= l.seq
        ) AS p
        GROUP BY p.gateway, p.account, p.symbol, (p.at AT TIME ZONE 'UTC')::date, p.asset
    ) AS d;
END;

COMMENT ON FUNCTION recon.pnl_daily_as_of IS
    'What trading had earned by valid_at, as known at known_at (null: now), with the columns of pnl_daily but for '
    'unrealised: of the past no rates are kept. Trades that became known later are not in it, nor in the average cost '
    'of others; contracts are by the terms of now';

REVOKE ALL ON FUNCTION recon.pnl_daily_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.pnl_daily_as_of TO recon_analyst, recon_service, recon_operator;
