CREATE VIEW recon.coverage AS
SELECT
    t.gateway,
    t.account,
    t.from_seq,
    t.until_seq,
    t.from_time,
    t.until_time,
    t.state,
    t.reason,
    CASE
        WHEN r.until_seq < t.from_seq AND t.state = 'gap' THEN 'not asked for'
        WHEN r.from_seq IS NOT NULL THEN r.outcome
        WHEN t.state = 'gap' THEN 'not asked for'
    END AS recovery,
    t.until_time - t.from_time AS lasted
FROM recon_store.editions AS c
CROSS JOIN LATERAL recon.coverage_known(c.gateway) AS t
-- An interval of catching up belongs to the gap before it; the first one of an account has none.
LEFT JOIN LATERAL (
    SELECT k.from_seq, k.until_seq, k.outcome
    FROM recon.catch_ups AS k
    WHERE (k.gateway, k.account) = (t.gateway, t.account)
      AND k.from_seq <= t.from_seq
      AND t.state IN ('gap', 'catching_up')
    ORDER BY k.from_seq DESC
    LIMIT 1
) AS r ON true
WHERE c.state = 'current';

COMMENT ON VIEW recon.coverage IS
    'Which stretches of the log each account was truly observed in; outside them nothing is known';
COMMENT ON COLUMN recon.coverage.gateway IS 'The gateway';
COMMENT ON COLUMN recon.coverage.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.coverage.from_seq IS 'First log position of the stretch';
COMMENT ON COLUMN recon.coverage.until_seq IS
    'First log position after it; null: it is going on. A gap of one event ends where it begins';
COMMENT ON COLUMN recon.coverage.from_time IS 'Log time at which it began; of a gap: of the last sign of life before it';
COMMENT ON COLUMN recon.coverage.until_time IS
    'Log time at which it ended; of a gap: at which the account was heard again for good; null: it is going on';
COMMENT ON COLUMN recon.coverage.state IS
    'covered; unresolved: observed, but orders from before a gap, or of it, are not accounted for; catching_up: '
    'snapshots are missing, or what the gap hid is being fetched; gap: not observed, or lost again before it was '
    'caught up with';
COMMENT ON COLUMN recon.coverage.reason IS 'Why it is not covered; null: covered';
COMMENT ON COLUMN recon.coverage.recovery IS
    'What catching up with the gap came to, in words, as outcome in catch_ups; null: the account was observed, or '
    'nothing had been observed before';
COMMENT ON COLUMN recon.coverage.lasted IS 'How long it lasted; null: it is going on';

GRANT SELECT ON recon.coverage TO recon_analyst, recon_service, recon_operator;
