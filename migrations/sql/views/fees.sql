CREATE VIEW recon_exact.fees AS
SELECT
    t.gateway,
    t.account,
    t.symbol,
    t.order_key,
    t.ordinal,
    t.asset,
    t.amount,
    t.cause,
    t.certainty,
    t.turnover,
    -- A division has as many digits as its dividend, so that only the last step rounds.
    round(round(-t.amount, greatest(36, scale(t.amount))) / nullif(t.turnover, 0), 12) AS rate,
    t.occurred_at,
    t.recorded_at,
    t.seq,
    t.entry_no,
    t.break_id,
    t.replaces,
    t.fact
FROM (
    SELECT
        e.gateway,
        e.account,
        coalesce(f.symbol, o.symbol, x.unit) AS symbol,
        e.order_key,
        e.ordinal,
        e.unit AS asset,
        e.amount,
        e.cause,
        e.certainty,
        CASE
            WHEN e.unit = f.cash_asset THEN abs(f.cash)
            WHEN f.cash_asset IS NOT NULL AND u.coinapi = split_part(o.symbol_coinapi, '_', 3) THEN f.amount
            WHEN f.cash_asset IS NULL AND m.modelled AND e.unit = m.asset THEN
                CASE
                    WHEN m.kind = 'inverse' THEN round(round(f.amount * m.multiplier, 36) / nullif(f.price, 0), 12)
                    ELSE f.amount * f.price * m.multiplier
                END
        END AS turnover,
        e.occurred_at,
        e.recorded_at,
        e.seq,
        e.entry_no,
        e.break_id,
        e.replaces,
        e.fact
    FROM recon_store.entries AS e
    JOIN recon_store.editions AS c ON c.gateway = e.gateway AND c.edition = e.edition AND c.state = 'current'
    LEFT JOIN recon_store.orders AS o
        ON (o.gateway, o.edition, o.account, o.order_key) = (e.gateway, e.edition, e.account, e.order_key)
    LEFT JOIN recon_store.fills AS f
        ON (f.gateway, f.edition, f.account, f.order_key, f.ordinal)
         = (e.gateway, e.edition, e.account, e.order_key, e.ordinal)
    LEFT JOIN recon_store.units AS u
        ON (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
         = (e.gateway, e.edition, e.account, e.unit_kind, e.unit)
    -- A trade of no order that is known is named by its fact.
    LEFT JOIN recon_store.facts AS x
        ON (x.gateway, x.edition, x.account) = (e.gateway, e.edition, e.account)
       AND x.external_id = CASE WHEN starts_with(e.order_key, 't:') THEN substr(e.order_key, 3) ELSE e.fact END
       AND x.fact = 'trade'
    LEFT JOIN recon_store.contract_terms AS m
        ON (m.gateway, m.account) = (f.gateway, f.account) AND m.contract = coalesce(f.symbol, o.symbol)
    WHERE e.unit_kind = 'asset'
      AND e.cause IN ('fee', 'rebate', 'fee_expected', 'fee_variance', 'fee_third_asset')
) AS t;

COMMENT ON VIEW recon_exact.fees IS
    'Every entry of a fee or a rebate, with its order and rate where they are known; what was taken back stands with '
    'the opposite sign, so that sums come out right';
COMMENT ON COLUMN recon_exact.fees.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.fees.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.fees.symbol IS
    'The EMS''s symbol_id_exchange of what was traded; null: the fee is of no order or trade that is known';
COMMENT ON COLUMN recon_exact.fees.order_key IS
    'The order, as in orders, or t: and the external id of a trade of no order that is known; null: none';
COMMENT ON COLUMN recon_exact.fees.ordinal IS 'The fill of that order, as in fills; null: of no one fill';
COMMENT ON COLUMN recon_exact.fees.asset IS 'What it was paid in: asset_id_exchange of the balance that it moved';
COMMENT ON COLUMN recon_exact.fees.amount IS 'The change of that balance, signed: a fee is negative, a rebate positive';
COMMENT ON COLUMN recon_exact.fees.cause IS
    'fee or rebate; fee_expected, fee_variance or fee_third_asset: a person said so of a break';
COMMENT ON COLUMN recon_exact.fees.certainty IS
    'exact: a statement or arithmetic says so; inferred: by the rate that is told or learned, as in fees_learned';
COMMENT ON COLUMN recon_exact.fees.turnover IS
    'What of the fill it is a share of, in asset, not negative; null: of no one fill, in an asset that the fill does '
    'not move, or the terms of the contract are not complete';
COMMENT ON COLUMN recon_exact.fees.rate IS
    'Its share of turnover, rounded to 12 digits; a rebate is negative; null: turnover is not known';
COMMENT ON COLUMN recon_exact.fees.occurred_at IS 'When it happened, UTC, as far as known: that of its fill';
COMMENT ON COLUMN recon_exact.fees.recorded_at IS 'Log time at which it became known';
COMMENT ON COLUMN recon_exact.fees.seq IS 'Log position at which it became known';
COMMENT ON COLUMN recon_exact.fees.entry_no IS 'The entry of its asset, as in entries';
COMMENT ON COLUMN recon_exact.fees.break_id IS 'The break that it explains; null: none';
COMMENT ON COLUMN recon_exact.fees.replaces IS
    'The entry of the same asset that this one takes back, or stands in for; 0: a part of fees that were inferred in '
    'sum; null: none';
COMMENT ON COLUMN recon_exact.fees.fact IS 'External id of the fact that it follows from, as in facts; null: none';

GRANT SELECT ON recon_exact.fees TO recon_analyst, recon_service, recon_operator;
