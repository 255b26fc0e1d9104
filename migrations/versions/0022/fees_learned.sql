CREATE VIEW recon.fees_learned AS
SELECT
    t.gateway,
    t.account,
    r.fee_asset,
    r.side,
    r.order_class,
    nullif(r.market, '') AS market,
    r.rate,
    r.source,
    r.since,
    r.until,
    r.edges,
    r.bits
FROM recon_store.fee_rates AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
CROSS JOIN LATERAL jsonb_to_recordset(t.rates) AS r (
    fee_asset text,
    side text,
    order_class text,
    market text,
    rate numeric,
    source text,
    since timestamptz,
    until timestamptz,
    edges integer,
    bits numeric
);

COMMENT ON VIEW recon.fees_learned IS 'The fee rates of each account: what its schedule tells, and what was learned';
COMMENT ON COLUMN recon.fees_learned.gateway IS 'The gateway';
COMMENT ON COLUMN recon.fees_learned.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.fees_learned.fee_asset IS
    'What the fee is taken in: quote or base of the fill; received: the base of a purchase, the quote of a sale; or '
    'the code of another asset';
COMMENT ON COLUMN recon.fees_learned.side IS
    'received or paid: which leg of the fill it is a share of; null: either';
COMMENT ON COLUMN recon.fees_learned.order_class IS
    'post_only, immediate (it only takes), rested (in the order book before the fill) or other; any: every class '
    'without a row of its own';
COMMENT ON COLUMN recon.fees_learned.market IS
    'The fills that the schedule''s line selects, else the type of the instrument; null: the type is not known';
COMMENT ON COLUMN recon.fees_learned.rate IS 'Share of turnover; a rebate is negative';
COMMENT ON COLUMN recon.fees_learned.source IS
    'told: by the schedule in the settings; learned: from fills; mixed: fills pay it beside the other rate';
COMMENT ON COLUMN recon.fees_learned.since IS 'The venue''s time from which on it holds; null: ever since';
COMMENT ON COLUMN recon.fees_learned.until IS 'The venue''s time at which the next rate replaced it; null: it holds';
COMMENT ON COLUMN recon.fees_learned.edges IS 'Pairs of reports that it is learned from; null: it is told';
COMMENT ON COLUMN recon.fees_learned.bits IS
    'Evidence for it in bits, less what naming it takes: each bit halves the odds of chance; null: it is told, or '
    'nothing but their number speaks for it';

GRANT SELECT ON recon.fees_learned TO recon_analyst, recon_service, recon_operator;
