CREATE VIEW recon.observations AS
SELECT
    t.gateway,
    t.account,
    t.unit_kind,
    t.unit,
    t.seq,
    t.at,
    t.reported,
    t.expected,
    t.explained,
    t.reported - t.expected AS drift,
    t.reported - t.expected - t.explained AS unexplained,
    t.verdict,
    t.judged_seq,
    t.judged_at,
    t.edition,
    'ems'::text AS source
FROM recon_store.observations AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon.observations IS
    'The history of each unit: a row where its verdict or what breaks own of its drift changed, and else one a minute '
    'while the EMS reports it';
COMMENT ON COLUMN recon.observations.gateway IS 'The gateway';
COMMENT ON COLUMN recon.observations.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.observations.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon.observations.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon.observations.seq IS 'Log position of the observation';
COMMENT ON COLUMN recon.observations.at IS 'Log time of the observation; a gap shows as no row, see coverage';
COMMENT ON COLUMN recon.observations.reported IS 'What the EMS reported, in the unit itself, signed (short is negative)';
COMMENT ON COLUMN recon.observations.expected IS
    'What the books said should be reported: opening + fills, at the cut that the observation was held against; null: '
    'no opening yet, or not judged';
COMMENT ON COLUMN recon.observations.explained IS
    'Sum of entries of other causes (fees, rounding, facts, …) up to the cut, signed; 0: none';
COMMENT ON COLUMN recon.observations.drift IS 'reported - expected, signed; null: nothing was expected';
COMMENT ON COLUMN recon.observations.unexplained IS
    'drift - explained, signed; what the verdict judges; null: nothing was expected';
COMMENT ON COLUMN recon.observations.verdict IS
    'unmodelled, stale, break, pending or agreed, as the log alone decided it at judged_seq: the silence of an account '
    'is not in it';
COMMENT ON COLUMN recon.observations.judged_seq IS
    'Log position at which it was judged so; a later row of the same observation says what was known later';
COMMENT ON COLUMN recon.observations.judged_at IS 'Log time at which it was judged so';
COMMENT ON COLUMN recon.observations.edition IS 'The folding of the log that it belongs to; a rebuild makes another';
COMMENT ON COLUMN recon.observations.source IS
    'The class of its source: always ems; what other sources say is in source_checks';

GRANT SELECT ON recon.observations TO recon_analyst, recon_service, recon_operator;
