CREATE VIEW recon_exact.latest_observations AS
SELECT
    u.gateway,
    u.account,
    u.unit_kind,
    u.unit,
    o.cut_seq AS seq,
    o.observed_at AS at,
    o.reported,
    u.opening + o.cut_fills AS expected,
    o.cut_explained AS explained,
    o.reported - (u.opening + o.cut_fills) AS drift,
    o.reported - (u.opening + o.cut_fills) - o.cut_explained AS unexplained,
    CASE
        WHEN u.unmodelled IS NOT NULL THEN 'unmodelled'
        WHEN u.withheld THEN 'stale'
        ELSE o.judgement
    END AS verdict,
    c.seq AS judged_seq,
    u.edition
FROM recon_store.units AS u
JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
JOIN recon_store.comparisons AS o
    ON (o.gateway, o.edition, o.account, o.unit_kind, o.unit)
     = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
WHERE o.reported IS NOT NULL;

COMMENT ON VIEW recon_exact.latest_observations IS
    'The latest observation of each unit, as the log alone judges it up to judged_seq: observations have it once its '
    'minute is over, unless a later one takes its place; balances and positions also know of coverage and silence';
COMMENT ON COLUMN recon_exact.latest_observations.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.latest_observations.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.latest_observations.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.latest_observations.unit IS
    'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon_exact.latest_observations.seq IS
    'Log position of the last observation that was compared: of the latest, unless it waits';
COMMENT ON COLUMN recon_exact.latest_observations.at IS 'Log time of the latest observation';
COMMENT ON COLUMN recon_exact.latest_observations.reported IS
    'What the EMS reported, in the unit itself, signed (short is negative)';
COMMENT ON COLUMN recon_exact.latest_observations.expected IS
    'What the books say should be reported: opening + fills, at the cut; null: no opening yet';
COMMENT ON COLUMN recon_exact.latest_observations.explained IS
    'Sum of entries of other causes (fees, rounding, facts, …) up to the cut, signed; 0: none';
COMMENT ON COLUMN recon_exact.latest_observations.drift IS 'reported - expected, signed; null: nothing was expected';
COMMENT ON COLUMN recon_exact.latest_observations.unexplained IS
    'drift - explained, signed; what the verdict judges; null: nothing was expected';
COMMENT ON COLUMN recon_exact.latest_observations.verdict IS
    'unmodelled, stale (nothing told what a gap hid), break, pending (a report waits, too) or agreed';
COMMENT ON COLUMN recon_exact.latest_observations.judged_seq IS 'Log position up to which the books are folded';
COMMENT ON COLUMN recon_exact.latest_observations.edition IS
    'The folding of the log that it belongs to; a rebuild makes another';

GRANT SELECT ON recon_exact.latest_observations TO recon_analyst, recon_service, recon_operator;
