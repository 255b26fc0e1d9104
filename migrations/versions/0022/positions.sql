CREATE VIEW recon.positions AS
SELECT
    u.gateway,
    u.account,
    u.unit AS symbol,
    u.coinapi AS symbol_coinapi,
    u.value AS quantity,
    u.long,
    u.short,
    u.opening,
    u.fills,
    u.opening + u.fills AS expected,
    u.explained,
    u.reported,
    u.reported - (u.opening + u.fills) AS drift,
    u.reported - (u.opening + u.fills) - u.explained AS unexplained,
    u.in_flight,
    u.avg_entry_price,
    u.reported_avg_entry_price,
    u.verdict,
    u.observed_at,
    u.cut_seq,
    u.last_seq,
    CASE u.verdict
        WHEN 'unmodelled' THEN u.unmodelled
        WHEN 'stale' THEN u.stale
        WHEN 'pending' THEN CASE u.judgement WHEN 'agreed' THEN u.unconfirmed END
    END AS reason,
    u.inferred,
    u.open_breaks,
    u.venue_account,
    u.agreed_source,
    u.agreed_source_at
FROM recon_store.unit_verdicts AS u
WHERE u.unit_kind = 'contract';

COMMENT ON VIEW recon.positions IS
    'One row per contract and account: what is held, what is reported, and whether the two agree';
COMMENT ON COLUMN recon.positions.gateway IS 'The gateway';
COMMENT ON COLUMN recon.positions.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.positions.symbol IS 'The EMS''s symbol_id_exchange';
COMMENT ON COLUMN recon.positions.symbol_coinapi IS 'The EMS''s symbol_id_coinapi; null: not known';
COMMENT ON COLUMN recon.positions.quantity IS
    'What the books say is held now: opening + all fills + explained, in contracts, signed (short is negative); '
    'null: no opening yet';
COMMENT ON COLUMN recon.positions.long IS
    'The long leg as last reported, not negative; null: no rows by side are known';
COMMENT ON COLUMN recon.positions.short IS
    'The short leg as last reported, not positive; null: no rows by side are known';
COMMENT ON COLUMN recon.positions.opening IS
    'What was held when recon began to count, in the unit itself, signed (short is negative); fixed once, never '
    'moved; null: not known yet';
COMMENT ON COLUMN recon.positions.fills IS
    'Sum of our own fills, with the cash they realised, up to the cut, in the unit itself, signed (short is negative)';
COMMENT ON COLUMN recon.positions.expected IS
    'What the books say should be reported: opening + fills, at the cut; null: no opening yet';
COMMENT ON COLUMN recon.positions.explained IS
    'Sum of entries of other causes (rounding, unmodelled past, …) up to the cut, signed; 0: none';
COMMENT ON COLUMN recon.positions.reported IS
    'The latest amount that the EMS reported, signed; null: never reported; 0: reported as zero, or left out of a '
    'complete snapshot (see inferred)';
COMMENT ON COLUMN recon.positions.drift IS 'reported - expected, signed; null: one of the two is not known';
COMMENT ON COLUMN recon.positions.unexplained IS
    'drift - explained, signed; what the verdict judges; reported = opening + fills + explained + unexplained; '
    'null: not known';
COMMENT ON COLUMN recon.positions.in_flight IS
    'Fills booked that the observation had not seen, as far as the reports tell, signed; null: never observed';
COMMENT ON COLUMN recon.positions.avg_entry_price IS
    'Average entry price by our own fills and the contract''s terms; null: not known, or flat';
COMMENT ON COLUMN recon.positions.reported_avg_entry_price IS
    'Average entry price as last reported; null: not reported';
COMMENT ON COLUMN recon.positions.verdict IS
    'The first that applies: unobserved, unmodelled, stale, break, pending, agreed';
COMMENT ON COLUMN recon.positions.observed_at IS 'Log time of the observation in reported; null: never observed';
COMMENT ON COLUMN recon.positions.cut_seq IS
    'Log position of the observation that the figures are of, the latest one compared; null: never observed';
COMMENT ON COLUMN recon.positions.last_seq IS 'Log position of the newest entry of the books; 0: none';
COMMENT ON COLUMN recon.positions.reason IS
    'Why the verdict is unmodelled or stale, or pending for want of an independent source; null for the others';
COMMENT ON COLUMN recon.positions.inferred IS
    'Whether reported is a zero inferred from a row''s absence in a complete snapshot; null: never observed';
COMMENT ON COLUMN recon.positions.open_breaks IS 'How many open breaks the unit has; shown whatever the verdict is';
COMMENT ON COLUMN recon.positions.venue_account IS
    'The venue''s own name of the account, as in accounts: the firm''s totals count it once; null: none is told';
COMMENT ON COLUMN recon.positions.agreed_source IS
    'The best independent source whose latest word agrees with the books: within its age first, then the most '
    'independent of chain, custodian, venue, person; null: none';
COMMENT ON COLUMN recon.positions.agreed_source_at IS
    'The time of the balances by which that source agreed, UTC; null: none';

GRANT SELECT ON recon.positions TO recon_analyst, recon_service, recon_operator;
