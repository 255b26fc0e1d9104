CREATE VIEW recon_exact.close_lines AS
SELECT
    c.gateway,
    c.account,
    c.business_day,
    c.seq,
    c.state,
    l.line ->> 'unit_kind' AS unit_kind,
    l.line ->> 'unit' AS unit,
    (l.line ->> 'opening')::numeric AS opening,
    l.line -> 'movements' AS movements,
    (SELECT coalesce(sum(m.value::numeric), 0) FROM jsonb_each_text(l.line -> 'movements') AS m) AS moved,
    (l.line ->> 'expected')::numeric AS expected,
    (l.line ->> 'reported')::numeric AS reported,
    (l.line ->> 'reported_at')::timestamptz AS reported_at,
    (l.line ->> 'timing')::numeric AS timing,
    (l.line ->> 'drift')::numeric AS drift,
    l.line ->> 'verdict' AS verdict,
    jsonb_array_length(l.line -> 'breaks') AS open_breaks,
    (
        SELECT max((b.value ->> 'age_us')::bigint) * interval '1 microsecond'
        FROM jsonb_array_elements(l.line -> 'breaks') AS b
    ) AS oldest_age,
    l.line -> 'breaks' AS breaks,
    l.line ->> 'source' AS source,
    (l.line ->> 'source_at')::timestamptz AS source_at,
    c.covered_throughout
FROM recon.closes AS c
CROSS JOIN LATERAL jsonb_array_elements(c.document -> 'lines') AS l(line);

COMMENT ON VIEW recon_exact.close_lines IS 'The units of the closings that people signed, as they were signed';
COMMENT ON COLUMN recon_exact.close_lines.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.close_lines.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.close_lines.business_day IS 'The business day';
COMMENT ON COLUMN recon_exact.close_lines.seq IS 'Log position of the closing''s first signature, as in closes';
COMMENT ON COLUMN recon_exact.close_lines.state IS 'waiting, signed or restated, as in closes';
COMMENT ON COLUMN recon_exact.close_lines.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.close_lines.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon_exact.close_lines.opening IS
    'What the books held at the cut-off of the former business day, in the unit itself, signed; 0: nothing yet';
COMMENT ON COLUMN recon_exact.close_lines.movements IS
    'The entries that happened within the day, summed by cause, as a JSON object of amounts as text';
COMMENT ON COLUMN recon_exact.close_lines.moved IS 'Their sum, in the unit itself, signed';
COMMENT ON COLUMN recon_exact.close_lines.expected IS
    'opening + moved: what the books held at the cut-off; null: the unit had no opening balance yet';
COMMENT ON COLUMN recon_exact.close_lines.reported IS
    'The last report whose cut is not after the cut-off, in the unit itself, signed; null: never reported';
COMMENT ON COLUMN recon_exact.close_lines.reported_at IS 'Log time of that report; null: never reported';
COMMENT ON COLUMN recon_exact.close_lines.timing IS
    'Entries up to the cut-off that the report had not seen: they roll it forward; null: not judged';
COMMENT ON COLUMN recon_exact.close_lines.drift IS 'reported + timing - expected, signed; null: not judged';
COMMENT ON COLUMN recon_exact.close_lines.verdict IS
    'agreed; break: a break is open at the cut-off; pending: a difference that is no break yet; unmodelled, stale, '
    'unobserved: nobody judged it';
COMMENT ON COLUMN recon_exact.close_lines.open_breaks IS 'How many breaks were open at the cut-off';
COMMENT ON COLUMN recon_exact.close_lines.oldest_age IS
    'Business time from the origin of the oldest of them to the cut-off; null: none was open';
COMMENT ON COLUMN recon_exact.close_lines.breaks IS
    'Those breaks, as a JSON list of {id, cause, state, amount, origin_at, age_us}';
COMMENT ON COLUMN recon_exact.close_lines.source IS
    'The best source that does not share the EMS''s own and agreed; null: none did';
COMMENT ON COLUMN recon_exact.close_lines.source_at IS 'When that source said so; null: none did';
COMMENT ON COLUMN recon_exact.close_lines.covered_throughout IS 'As in closes: whether the account was observed throughout';

GRANT SELECT ON recon_exact.close_lines TO recon_analyst, recon_service, recon_operator;
