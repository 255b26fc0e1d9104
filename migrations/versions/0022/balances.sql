CREATE VIEW recon.balances AS
SELECT
    u.gateway,
    u.account,
    u.unit AS asset,
    u.coinapi AS asset_coinapi,
    u.value AS balance,
    u.opening,
    u.fills,
    u.opening + u.fills AS expected,
    u.explained,
    u.reported,
    u.available,
    u.locked,
    u.reported - (u.opening + u.fills) AS drift,
    u.reported - (u.opening + u.fills) - u.explained AS unexplained,
    u.in_flight,
    u.rate_usd,
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
WHERE u.unit_kind = 'asset';

COMMENT ON VIEW recon.balances IS
    'One row per asset and account: what the books say, what is reported, and whether the two agree';
COMMENT ON COLUMN recon.balances.gateway IS 'The gateway';
COMMENT ON COLUMN recon.balances.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.balances.asset IS 'The EMS''s asset_id_exchange; for a pool of several codes the first of them';
COMMENT ON COLUMN recon.balances.asset_coinapi IS 'The EMS''s asset_id_coinapi; null: not known';
COMMENT ON COLUMN recon.balances.balance IS
    'What the books say is held now: opening + all fills + explained, in the asset, signed; null: no opening yet';
COMMENT ON COLUMN recon.balances.opening IS
    'What was held when recon began to count, in the unit itself, signed (short is negative); fixed once, never '
    'moved; null: not known yet';
COMMENT ON COLUMN recon.balances.fills IS
    'Sum of our own fills, with the cash they realised, up to the cut, in the unit itself, signed (short is negative)';
COMMENT ON COLUMN recon.balances.expected IS
    'What the books say should be reported: opening + fills, at the cut; null: no opening yet';
COMMENT ON COLUMN recon.balances.explained IS
    'Sum of entries of other causes (rounding, unmodelled past, …) up to the cut, signed; 0: none';
COMMENT ON COLUMN recon.balances.reported IS
    'The latest amount that the EMS reported, signed; null: never reported; 0: reported as zero, or left out of a '
    'complete snapshot (see inferred)';
COMMENT ON COLUMN recon.balances.available IS 'As last reported, in the asset; null: not reported';
COMMENT ON COLUMN recon.balances.locked IS 'As last reported, in the asset; null: not reported';
COMMENT ON COLUMN recon.balances.drift IS 'reported - expected, signed; null: one of the two is not known';
COMMENT ON COLUMN recon.balances.unexplained IS
    'drift - explained, signed; what the verdict judges; reported = opening + fills + explained + unexplained; '
    'null: not known';
COMMENT ON COLUMN recon.balances.in_flight IS
    'Fills booked that the observation had not seen, as far as the reports tell, signed; null: never observed';
COMMENT ON COLUMN recon.balances.rate_usd IS 'USD for one of the asset, as last reported; null: not known (not zero)';
COMMENT ON COLUMN recon.balances.verdict IS
    'The first that applies: unobserved, unmodelled, stale, break, pending, agreed';
COMMENT ON COLUMN recon.balances.observed_at IS 'Log time of the observation in reported; null: never observed';
COMMENT ON COLUMN recon.balances.cut_seq IS
    'Log position of the observation that the figures are of, the latest one compared; null: never observed';
COMMENT ON COLUMN recon.balances.last_seq IS 'Log position of the newest entry of the books; 0: none';
COMMENT ON COLUMN recon.balances.reason IS
    'Why the verdict is unmodelled or stale, or pending for want of an independent source; null for the others';
COMMENT ON COLUMN recon.balances.inferred IS
    'Whether reported is a zero inferred from a row''s absence in a complete snapshot; null: never observed';
COMMENT ON COLUMN recon.balances.open_breaks IS 'How many open breaks the unit has; shown whatever the verdict is';
COMMENT ON COLUMN recon.balances.venue_account IS
    'The venue''s own name of the account, as in accounts: the firm''s totals count it once; null: none is told';
COMMENT ON COLUMN recon.balances.agreed_source IS
    'The best independent source whose latest word agrees with the books: within its age first, then the most '
    'independent of chain, custodian, venue, person; null: none';
COMMENT ON COLUMN recon.balances.agreed_source_at IS
    'The time of the balances by which that source agreed, UTC; null: none';

GRANT SELECT ON recon.balances TO recon_analyst, recon_service, recon_operator;
