CREATE VIEW recon.pnl_daily AS
SELECT
    d.gateway,
    d.account,
    d.symbol,
    d.day,
    d.asset,
    d.realised,
    d.fees,
    d.funding,
    CASE WHEN d.unknown_of_day = 0 THEN coalesce(d.realised, 0) + d.fees + d.funding END AS net,
    d.unrealised,
    d.unrealised_by,
    d.method,
    d.fills,
    d.unknown_fills,
    d.uncosted
FROM (
    SELECT
        p.gateway,
        p.account,
        p.symbol,
        (p.at AT TIME ZONE 'UTC')::date AS day,
        p.asset,
        sum(p.realised) AS realised,
        coalesce(sum(p.fee), 0) AS fees,
        coalesce(sum(p.funding), 0) AS funding,
        sum(p.unrealised) AS unrealised,
        max(p.unrealised_by) AS unrealised_by,
        max(p.method) AS method,
        count(*) FILTER (WHERE p.traded) AS fills,
        count(*) FILTER (WHERE p.unknown) AS unknown_fills,
        coalesce(sum(p.uncosted), 0) AS uncosted,
        sum(count(*) FILTER (WHERE p.unknown)) OVER (
            PARTITION BY p.gateway, p.account, p.symbol, (p.at AT TIME ZONE 'UTC')::date
        ) AS unknown_of_day
    FROM (
        -- Fills of spot, at the average cost of what was bought in the same market.
        SELECT
            s.gateway,
            s.account,
            s.symbol,
            s.filled_at AS at,
            s.cash_asset AS asset,
            s.holding[3] AS realised,
            NULL::numeric AS fee,
            NULL::numeric AS funding,
            CASE WHEN s.newest THEN
                round(round(s.holding[1] * b.rate_usd, 36) / nullif(q.rate_usd, 0), 12) - s.holding[2]
            END AS unrealised,
            CASE WHEN s.newest AND s.holding[2] IS NOT NULL AND b.rate_usd IS NOT NULL AND q.rate_usd <> 0 THEN
                format('rate_usd of %s and %s as last reported', b.unit, s.cash_asset)
            END AS unrealised_by,
            'average cost' AS method,
            true AS traded,
            s.holding[3] IS NULL OR s.holding[4] > 0 OR s.holding[2] IS NULL AS unknown,
            s.holding[4] AS uncosted
        FROM (
            SELECT
                f.gateway,
                f.edition,
                f.account,
                f.symbol,
                f.cash_asset,
                f.filled_at,
                o.symbol_coinapi,
                recon_store.average_cost(f.side IS DISTINCT FROM 'SELL', f.amount, f.cash) OVER w AS holding,
                lead(f.ordinal) OVER w IS NULL AS newest
            FROM recon_store.fills AS f
            JOIN recon_store.editions AS c ON c.gateway = f.gateway AND c.edition = f.edition AND c.state = 'current'
            LEFT JOIN recon_store.orders AS o
                ON (o.gateway, o.edition, o.account, o.order_key) = (f.gateway, f.edition, f.account, f.order_key)
            WHERE f.cash_asset IS NOT NULL
            WINDOW w AS (
                PARTITION BY f.gateway, f.account, f.edition, f.symbol, f.cash_asset
                ORDER BY f.filled_at, f.seq, f.order_key, f.ordinal
            )
        ) AS s
        LEFT JOIN recon_store.units AS q
            ON (q.gateway, q.edition, q.account, q.unit_kind, q.unit)
             = (s.gateway, s.edition, s.account, 'asset', s.cash_asset)
        LEFT JOIN LATERAL (
            SELECT u.unit, u.rate_usd
            FROM recon_store.units AS u
            WHERE (u.gateway, u.edition, u.account, u.unit_kind) = (s.gateway, s.edition, s.account, 'asset')
              AND u.coinapi = split_part(s.symbol_coinapi, '_', 3)
              AND u.rate_usd IS NOT NULL
              AND s.newest
              AND s.holding[1] > 0
            ORDER BY u.unit
            LIMIT 1
        ) AS b ON true
        UNION ALL
        -- Fills of contracts: what they realised stands in entries, where it is not zero.
        SELECT
            f.gateway,
            f.account,
            f.symbol,
            f.filled_at,
            m.asset,
            CASE WHEN m.modelled AND f.price_known THEN 0 END,
            NULL,
            NULL,
            NULL,
            NULL,
            CASE WHEN m.modelled THEN 'terms: ' || m.kind || coalesce(', ' || m.method, '') END,
            true,
            NOT coalesce(m.modelled AND f.price_known, false),
            NULL
        FROM recon_store.fills AS f
        JOIN recon_store.editions AS c ON c.gateway = f.gateway AND c.edition = f.edition AND c.state = 'current'
        LEFT JOIN recon_store.contract_terms AS m
            ON (m.gateway, m.account, m.contract) = (f.gateway, f.account, f.symbol)
        WHERE f.cash_asset IS NULL
        UNION ALL
        SELECT
            e.gateway,
            e.account,
            coalesce(o.symbol, x.unit),
            e.occurred_at,
            e.unit,
            e.amount,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            false,
            false,
            NULL
        FROM recon_store.entries AS e
        JOIN recon_store.editions AS c ON c.gateway = e.gateway AND c.edition = e.edition AND c.state = 'current'
        LEFT JOIN recon_store.orders AS o
            ON (o.gateway, o.edition, o.account, o.order_key) = (e.gateway, e.edition, e.account, e.order_key)
        LEFT JOIN recon_store.facts AS x
            ON (x.gateway, x.edition, x.account) = (e.gateway, e.edition, e.account)
           AND x.external_id = substr(e.order_key, 3)
           AND starts_with(e.order_key, 't:')
        WHERE e.unit_kind = 'asset'
          AND (
              e.cause = 'realised'
              -- An option pays its premium as the cash of a fill.
              OR (
                  e.cause = 'fill'
                  AND EXISTS (
                      SELECT FROM recon_store.contract_terms AS m
                      WHERE (m.gateway, m.account, m.contract, m.kind)
                          = (e.gateway, e.account, coalesce(o.symbol, x.unit), 'premium')
                  )
              )
          )
        UNION ALL
        SELECT
            k.gateway, k.account, k.symbol, k.occurred_at, k.asset, NULL, k.amount, NULL, NULL, NULL, NULL, false, false,
            NULL
        FROM recon.fees AS k
        UNION ALL
        SELECT
            e.gateway, e.account, NULL, e.occurred_at, e.unit, NULL, NULL, e.amount, NULL, NULL, NULL, false, false,
            NULL
        FROM recon_store.entries AS e
        JOIN recon_store.editions AS c ON c.gateway = e.gateway AND c.edition = e.edition AND c.state = 'current'
        WHERE e.cause = 'funding' AND e.unit_kind = 'asset'
    ) AS p
    GROUP BY p.gateway, p.account, p.symbol, (p.at AT TIME ZONE 'UTC')::date, p.asset
) AS d;

COMMENT ON VIEW recon.pnl_daily IS
    'What trading earned, by account, symbol, day and asset. Spot: cash less the average cost of what was bought in '
    'the same market since recon began. Contracts: the cash realised by their terms, as booked. Trades that only a '
    'statement or a person told stand in entries as missed_fill; of spot they are not in here';
COMMENT ON COLUMN recon.pnl_daily.gateway IS 'The gateway';
COMMENT ON COLUMN recon.pnl_daily.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.pnl_daily.symbol IS
    'The EMS''s symbol_id_exchange; null: fees and funding that belong to no symbol that is known';
COMMENT ON COLUMN recon.pnl_daily.day IS 'The calendar day in UTC at which it happened, as far as known';
COMMENT ON COLUMN recon.pnl_daily.asset IS
    'What all amounts of the row are in: the quote, the settlement asset, or what a fee was paid in; null: the terms of '
    'the contract name none';
COMMENT ON COLUMN recon.pnl_daily.realised IS
    'What sales (spot) or closed parts of a position (contracts) earned, fees aside, signed; null: nothing of it is '
    'known. See unknown_fills';
COMMENT ON COLUMN recon.pnl_daily.fees IS 'Fees and rebates, as in fees, signed: a fee is negative; 0: none';
COMMENT ON COLUMN recon.pnl_daily.funding IS 'Funding, signed: what was paid is negative; 0: none';
COMMENT ON COLUMN recon.pnl_daily.net IS
    'realised + fees + funding; null: what a fill of the symbol realised on this day is not known';
COMMENT ON COLUMN recon.pnl_daily.unrealised IS
    'Spot, on the newest day of the symbol alone: what the holding bought there is worth beyond its cost; null: any '
    'other day, nothing held, or no rate reported';
COMMENT ON COLUMN recon.pnl_daily.unrealised_by IS 'Which rates unrealised rests on; null: there is none';
COMMENT ON COLUMN recon.pnl_daily.method IS
    'average cost: spot; terms: with the kind and the method of the contract''s terms; null: no fill, or no terms';
COMMENT ON COLUMN recon.pnl_daily.fills IS 'How many fills the row is of';
COMMENT ON COLUMN recon.pnl_daily.unknown_fills IS
    'Fills that realised an amount that is not, or not wholly, known: no cost, no cash, or no terms';
COMMENT ON COLUMN recon.pnl_daily.uncosted IS
    'Spot: how much of the base was sold beyond what was bought in this market, so without a known cost; realised is '
    'of the rest';

GRANT SELECT ON recon.pnl_daily TO recon_analyst, recon_service, recon_operator;
