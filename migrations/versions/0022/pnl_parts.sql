CREATE VIEW recon.pnl_parts AS
-- Fills of spot. What was told of one before its report stands where it was told: here is the rest, so that both are once.
SELECT
    f.gateway,
    f.account,
    f.symbol,
    'fill' AS part,
    'asset' AS unit_kind,
    f.filled_at AS at,
    f.seq,
    f.cash_asset AS asset,
    f.side,
    f.amount - (f.told_until - f.told_from) AS quantity,
    CASE WHEN f.cash IS NOT NULL THEN f.cash WHEN f.told_until - f.told_from = f.amount THEN 0 END
    + CASE
        WHEN f.told_cash = 0 THEN 0
        -- Shares that add up to the whole. A division has as many digits as its dividend, so only the last step rounds.
        ELSE
            round(round(f.told_cash * f.told_until, greatest(36, scale(f.told_cash * f.told_until))) / f.told, 12)
            - round(round(f.told_cash * f.told_from, greatest(36, scale(f.told_cash * f.told_from))) / f.told, 12)
    END AS amount,
    NULL::text AS terms,
    false AS unknown,
    f.order_key,
    f.ordinal,
    NULL::text AS fact,
    split_part(f.symbol_coinapi, '_', 3) AS base
FROM (
    SELECT
        t.*,
        o.symbol_coinapi,
        coalesce(b.told, 0) AS told,
        coalesce(b.told_cash, 0) AS told_cash,
        least(coalesce(b.told, 0), sum(t.amount) OVER w - t.amount) AS told_from,
        least(coalesce(b.told, 0), sum(t.amount) OVER w) AS told_until
    FROM recon_store.fills AS t
    JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
    LEFT JOIN recon_store.orders AS o
        ON (o.gateway, o.edition, o.account, o.order_key) = (t.gateway, t.edition, t.account, t.order_key)
    -- What a report took back of trades that were told before it.
    LEFT JOIN (
        SELECT
            e.gateway, e.edition, e.account, e.order_key, e.seq, s.side,
            sum(abs(e.amount)) FILTER (WHERE (e.amount > 0) = (s.side = 'SELL')) AS told,
            sum(e.amount) FILTER (WHERE (e.amount > 0) <> (s.side = 'SELL')) AS told_cash
        FROM recon_store.entries AS e
        JOIN recon_store.orders AS s
            ON (s.gateway, s.edition, s.account, s.order_key) = (e.gateway, e.edition, e.account, e.order_key)
        WHERE e.unit_kind = 'asset' AND e.cause = 'missed_fill' AND e.fact IS NULL AND e.break_id IS NULL
        GROUP BY e.gateway, e.edition, e.account, e.order_key, e.seq, s.side
    ) AS b
        ON (b.gateway, b.edition, b.account, b.order_key, b.seq)
         = (t.gateway, t.edition, t.account, t.order_key, t.seq)
    WHERE t.cash_asset IS NOT NULL
    WINDOW w AS (PARTITION BY t.gateway, t.edition, t.account, t.order_key, t.seq ORDER BY t.ordinal)
) AS f
UNION ALL
-- Fills of contracts: what they realised stands in entries, where it is not zero.
SELECT
    f.gateway, f.account, f.symbol, 'fill', 'contract', f.filled_at, f.seq, m.asset, f.side, f.amount, NULL,
    CASE WHEN m.modelled THEN 'terms: ' || m.kind || coalesce(', ' || m.method, '') END,
    NOT coalesce(m.modelled AND f.price_known, false),
    f.order_key, f.ordinal, NULL, NULL
FROM recon_store.fills AS f
JOIN recon_store.editions AS c ON c.gateway = f.gateway AND c.edition = f.edition AND c.state = 'current'
LEFT JOIN recon_store.contract_terms AS m ON (m.gateway, m.account, m.contract) = (f.gateway, f.account, f.symbol)
WHERE f.cash_asset IS NULL
UNION ALL
-- Trades that were told before any report: the leg with the sign of the trade is what was traded, the other one the cash.
SELECT
    t.gateway, t.account, t.symbol, 'told', t.unit_kind, t.at, t.seq,
    CASE t.unit_kind WHEN 'contract' THEN m.asset ELSE t.asset END,
    t.side, t.quantity, t.amount,
    CASE WHEN t.unit_kind = 'contract' AND m.modelled THEN 'terms: ' || m.kind || coalesce(', ' || m.method, '') END,
    t.unit_kind = 'contract' AND NOT coalesce(m.modelled, false),
    NULL, NULL, t.fact, NULL
FROM (
    SELECT
        e.gateway, e.account, x.unit AS symbol, x.unit_kind, min(e.occurred_at) AS at, e.seq, e.fact,
        CASE WHEN x.amount < 0 THEN 'SELL' ELSE 'BUY' END AS side,
        max(e.unit) FILTER (WHERE sign(e.amount) <> sign(x.amount)) AS asset,
        sum(abs(e.amount)) FILTER (WHERE sign(e.amount) = sign(x.amount)) AS quantity,
        sum(e.amount) FILTER (WHERE sign(e.amount) <> sign(x.amount)) AS amount
    FROM recon_store.entries AS e
    JOIN recon_store.editions AS c ON c.gateway = e.gateway AND c.edition = e.edition AND c.state = 'current'
    JOIN recon_store.facts AS x
        ON (x.gateway, x.edition, x.account, x.external_id) = (e.gateway, e.edition, e.account, e.fact)
       AND x.fact = 'trade'
    LEFT JOIN recon_store.entries AS r
        ON (r.gateway, r.edition, r.account, r.unit_kind, r.unit, r.entry_no)
         = (e.gateway, e.edition, e.account, e.unit_kind, e.unit, e.replaces)
    WHERE e.cause = 'missed_fill'
      AND e.unit_kind = x.unit_kind
      -- In the place of what a person said of a break it counts, beside what takes that back; of another fact it is known.
      AND (r.entry_no IS NULL OR (r.fact IS NULL AND sign(r.amount) = sign(e.amount)))
    GROUP BY e.gateway, e.account, x.unit, x.unit_kind, x.amount, e.seq, e.fact
) AS t
LEFT JOIN recon_store.contract_terms AS m ON (m.gateway, m.account, m.contract) = (t.gateway, t.account, t.symbol)
WHERE t.quantity > 0
UNION ALL
SELECT
    e.gateway, e.account, coalesce(o.symbol, x.unit), 'realised', NULL, e.occurred_at, e.seq, e.unit, NULL, NULL,
    e.amount, NULL, false, e.order_key, e.ordinal, e.fact, NULL
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
    k.gateway, k.account, k.symbol, 'fee', NULL, k.occurred_at, k.seq, k.asset, NULL, NULL, k.amount, NULL, false,
    k.order_key, k.ordinal, k.fact, NULL
FROM recon.fees AS k
UNION ALL
SELECT
    e.gateway, e.account, NULL, 'funding', NULL, e.occurred_at, e.seq, e.unit, NULL, NULL, e.amount, NULL, false,
    e.order_key, e.ordinal, e.fact, NULL
FROM recon_store.entries AS e
JOIN recon_store.editions AS c ON c.gateway = e.gateway AND c.edition = e.edition AND c.state = 'current'
WHERE e.cause = 'funding' AND e.unit_kind = 'asset';

COMMENT ON VIEW recon.pnl_parts IS
    'What pnl_daily is made of: each trade, and each cash of a contract, fee and funding; each with its log position';
COMMENT ON COLUMN recon.pnl_parts.gateway IS 'The gateway';
COMMENT ON COLUMN recon.pnl_parts.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.pnl_parts.symbol IS
    'The EMS''s symbol_id_exchange; null: a fee or funding that belongs to no symbol that is known';
COMMENT ON COLUMN recon.pnl_parts.part IS
    'fill: of an order; told: a trade that a statement or a person told before any report; realised: cash of a '
    'contract; fee (or rebate); funding';
COMMENT ON COLUMN recon.pnl_parts.unit_kind IS 'asset: a trade of spot; contract: one of a contract; null: no trade';
COMMENT ON COLUMN recon.pnl_parts.at IS 'When it happened, UTC, as far as known';
COMMENT ON COLUMN recon.pnl_parts.seq IS 'Log position at which it became known';
COMMENT ON COLUMN recon.pnl_parts.asset IS
    'What amount is in; of a trade the quote, or the settlement asset; null: not known';
COMMENT ON COLUMN recon.pnl_parts.side IS 'BUY or SELL; null: no trade, or not told';
COMMENT ON COLUMN recon.pnl_parts.quantity IS
    'What was traded, not negative; of a fill less what was told of it before: that stands as told; null: no trade';
COMMENT ON COLUMN recon.pnl_parts.amount IS
    'The change of asset, signed: cash of spot (of a fill beyond what was told before), cash realised, fee, funding; '
    'null: not known, or a trade of a contract, whose cash stands as realised';
COMMENT ON COLUMN recon.pnl_parts.terms IS
    'terms: with the kind and the method of the contract''s terms; null: spot, no trade, or no terms';
COMMENT ON COLUMN recon.pnl_parts.unknown IS
    'Whether the terms leave open what a trade of a contract realised; false of everything else';
COMMENT ON COLUMN recon.pnl_parts.order_key IS 'The order, as in orders, or t: and an external id; null: none';
COMMENT ON COLUMN recon.pnl_parts.ordinal IS 'The fill of that order, as in fills; null: of no one fill';
COMMENT ON COLUMN recon.pnl_parts.fact IS 'External id of the fact that it follows from, as in facts; null: none';
COMMENT ON COLUMN recon.pnl_parts.base IS
    'CoinAPI''s code of what was traded; null: no fill of spot, or its order names none';

GRANT SELECT ON recon.pnl_parts TO recon_analyst, recon_service, recon_operator;
