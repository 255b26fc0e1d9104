CREATE VIEW recon.coverage_recorded AS
SELECT
    t.gateway,
    t.account,
    t.from_seq,
    t.until_seq,
    t.from_time,
    t.until_time,
    t.state,
    t.reason,
    t.alive_time,
    t.gap_seq,
    n.from_seq AS next_seq,
    n.alive_time AS next_alive_time,
    n.gap_seq AS next_gap_seq
FROM recon_store.coverage AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
LEFT JOIN LATERAL (
    SELECT x.from_seq, x.alive_time, x.gap_seq
    FROM recon_store.coverage AS x
    WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account)
      AND x.from_seq > t.from_seq
      AND x.alive_time IS NOT NULL
    ORDER BY x.from_seq
    LIMIT 1
) AS n ON true;

COMMENT ON VIEW recon.coverage_recorded IS
    'What coverage is made of: its stretches by when the log told of each change. Closings up to version 2 count by it';
COMMENT ON COLUMN recon.coverage_recorded.gateway IS 'The gateway';
COMMENT ON COLUMN recon.coverage_recorded.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.coverage_recorded.from_seq IS 'First log position of the stretch';
COMMENT ON COLUMN recon.coverage_recorded.until_seq IS 'First log position after it; null: it is going on';
COMMENT ON COLUMN recon.coverage_recorded.from_time IS
    'Log time at which the log told that it began; of a gap that may be long after the last sign of life';
COMMENT ON COLUMN recon.coverage_recorded.until_time IS 'Log time at which the next one began; null: it is going on';
COMMENT ON COLUMN recon.coverage_recorded.state IS 'covered, unresolved, catching_up or gap, as in coverage';
COMMENT ON COLUMN recon.coverage_recorded.reason IS 'Why it is not covered; null: covered';
COMMENT ON COLUMN recon.coverage_recorded.alive_time IS
    'Log time of the last sign of life before the gap that the stretch begins with; null: it begins with none. A gap of '
    'one event begins a stretch of another state';
COMMENT ON COLUMN recon.coverage_recorded.gap_seq IS
    'Log position at which that gap began; less than from_seq: it was lost again before it was caught up with';
COMMENT ON COLUMN recon.coverage_recorded.next_seq IS
    'First log position of the next stretch that begins with a gap; null: there is none';
COMMENT ON COLUMN recon.coverage_recorded.next_alive_time IS 'alive_time of that one';
COMMENT ON COLUMN recon.coverage_recorded.next_gap_seq IS 'gap_seq of that one';

GRANT SELECT ON recon.coverage_recorded TO recon_analyst, recon_service, recon_operator;
