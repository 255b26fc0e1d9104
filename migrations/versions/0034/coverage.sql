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
    CASE WHEN g.from_seq IS NOT NULL THEN coalesce(r.outcome, 'not asked for') END AS recovery,
    t.until_time - t.from_time AS lasted
FROM recon_store.coverage AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
-- An interval of catching up belongs to the gap before it; the first one of an account has none.
LEFT JOIN LATERAL (
    SELECT x.from_seq
    FROM recon_store.coverage AS x
    WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account)
      AND x.from_seq <= t.from_seq
      AND x.state = 'gap'
      AND t.state IN ('gap', 'catching_up')
    ORDER BY x.from_seq DESC
    LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT k.outcome
    FROM recon.catch_ups AS k
    WHERE (k.gateway, k.account) = (t.gateway, t.account)
      AND k.from_seq <= g.from_seq
      AND (k.until_seq IS NULL OR k.until_seq > g.from_seq)
    ORDER BY k.from_seq DESC
    LIMIT 1
) AS r ON true;

COMMENT ON VIEW recon.coverage IS
    'Which stretches of the log each account was truly observed in; outside them nothing is known';
COMMENT ON COLUMN recon.coverage.gateway IS 'The gateway';
COMMENT ON COLUMN recon.coverage.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.coverage.from_seq IS 'First log position of the stretch';
COMMENT ON COLUMN recon.coverage.until_seq IS 'First log position after it; null: it is going on';
COMMENT ON COLUMN recon.coverage.from_time IS 'Log time at which it began';
COMMENT ON COLUMN recon.coverage.until_time IS 'Log time at which it ended; null: it is going on';
COMMENT ON COLUMN recon.coverage.state IS
    'covered; unresolved: observed, but orders from before a gap, or of it, are not accounted for; catching_up: '
    'snapshots are missing, or what the gap hid is being fetched; gap: not observed';
COMMENT ON COLUMN recon.coverage.reason IS 'Why it is not covered; null: covered';
COMMENT ON COLUMN recon.coverage.recovery IS
    'What catching up with the gap came to, in words, as outcome in catch_ups; null: the account was observed, or '
    'nothing had been observed before';
COMMENT ON COLUMN recon.coverage.lasted IS 'How long it lasted; null: it is going on';

GRANT SELECT ON recon.coverage TO recon_analyst, recon_service, recon_operator;
