CREATE VIEW recon_exact.entries AS
SELECT
    t.gateway,
    t.account,
    t.unit_kind,
    t.unit,
    t.entry_no,
    t.seq,
    t.occurred_at,
    t.recorded_at,
    t.cause,
    t.certainty,
    t.amount,
    t.running,
    t.order_key,
    t.ordinal,
    t.break_id,
    t.replaces,
    t.fact,
    t.edition
FROM recon_store.entries AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon_exact.entries IS 'Every change to every unit, with its cause; the books are sums of these';
COMMENT ON COLUMN recon_exact.entries.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.entries.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.entries.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.entries.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon_exact.entries.entry_no IS '1, 2, 3 … within the unit, in the order of knowledge';
COMMENT ON COLUMN recon_exact.entries.seq IS 'Log position at which it became known';
COMMENT ON COLUMN recon_exact.entries.occurred_at IS 'When it happened, UTC, as far as known';
COMMENT ON COLUMN recon_exact.entries.recorded_at IS 'Log time at which it became known';
COMMENT ON COLUMN recon_exact.entries.cause IS 'opening, fill, realised, rehomed: our own doing; any other explains drift';
COMMENT ON COLUMN recon_exact.entries.certainty IS
    'exact: arithmetic leaves no other reading; inferred: within stated limits';
COMMENT ON COLUMN recon_exact.entries.amount IS 'The change, in the unit itself, signed; for an opening the amount held';
COMMENT ON COLUMN recon_exact.entries.running IS
    'Sum of amounts up to and including this entry, in the order of knowledge; the opening counts from its own '
    'entry on';
COMMENT ON COLUMN recon_exact.entries.order_key IS
    'The order that caused it, as in orders, or t: and the external id of a trade of no order that is known; null: '
    'none';
COMMENT ON COLUMN recon_exact.entries.ordinal IS 'The fill of that order; null: none';
COMMENT ON COLUMN recon_exact.entries.break_id IS 'The break that it explains; null: none';
COMMENT ON COLUMN recon_exact.entries.replaces IS
    'The entry of the same unit that this one takes back, or stands in for because a fact is surer; 0: a part of '
    'fees that were inferred in sum; null: none';
COMMENT ON COLUMN recon_exact.entries.fact IS 'External id of the fact that it follows from, as in facts; null: none';
COMMENT ON COLUMN recon_exact.entries.edition IS 'The folding of the log that it belongs to; a rebuild makes another';

GRANT SELECT ON recon_exact.entries TO recon_analyst, recon_service, recon_operator;
