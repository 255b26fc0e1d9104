CREATE VIEW recon.source_checks AS
SELECT
    t.gateway,
    t.account,
    t.unit_kind,
    t.unit,
    t.source,
    t.at,
    t.seq,
    t.number,
    t.recorded_at,
    t.reported,
    t.expected,
    t.drift,
    t.verdict,
    t.reason,
    t.break_id,
    t.judged_seq,
    t.told_unit,
    t.absent,
    t.external_id
FROM recon_store.source_checks AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon.source_checks IS
    'What independent sources (venue, custodian, chain, person) said was held at a time, and whether the books of that '
    'time agree';
COMMENT ON COLUMN recon.source_checks.gateway IS 'The gateway';
COMMENT ON COLUMN recon.source_checks.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.source_checks.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon.source_checks.unit IS
    'asset_id_exchange of an asset, symbol_id_exchange of a contract: the unit that it was held against';
COMMENT ON COLUMN recon.source_checks.source IS
    'Who says it: venue, custodian, chain or person; each does not share the EMS''s upstream';
COMMENT ON COLUMN recon.source_checks.at IS 'The time that the amount is of, UTC, as the source says';
COMMENT ON COLUMN recon.source_checks.seq IS 'Log position at which it was told';
COMMENT ON COLUMN recon.source_checks.number IS 'Which of the amounts told at that position; 0: the first';
COMMENT ON COLUMN recon.source_checks.recorded_at IS 'Log time at which it was told';
COMMENT ON COLUMN recon.source_checks.reported IS
    'What the source says was held, in the unit itself, signed (short is negative)';
COMMENT ON COLUMN recon.source_checks.expected IS
    'What the books held at that time, as they were known at judged_seq, with all that explains them; null: not judged';
COMMENT ON COLUMN recon.source_checks.drift IS 'reported - expected, signed; null: not judged';
COMMENT ON COLUMN recon.source_checks.verdict IS
    'pending: entries of its time may still come; agreed; break: the books differ; not_judged: see reason';
COMMENT ON COLUMN recon.source_checks.reason IS
    'Why it is not judged, or what differs; null: it agrees, or is pending';
COMMENT ON COLUMN recon.source_checks.break_id IS
    'The break of this source that it opened or goes on with, or the break of the EMS''s reports that it bears out; '
    'null: none, or an older time than the latest one of the source';
COMMENT ON COLUMN recon.source_checks.judged_seq IS 'Log position at which it was judged; null: it is pending';
COMMENT ON COLUMN recon.source_checks.told_unit IS 'The asset or contract, as the source writes it';
COMMENT ON COLUMN recon.source_checks.absent IS
    'Whether it is a zero that no row tells: the source lists all that it holds, and this is not there';
COMMENT ON COLUMN recon.source_checks.external_id IS 'The id by which the same amount told again changes nothing';

GRANT SELECT ON recon.source_checks TO recon_analyst, recon_service, recon_operator;
