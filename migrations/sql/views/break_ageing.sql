CREATE VIEW recon_exact.break_ageing AS
SELECT
    t.gateway,
    t.account,
    t.unit_kind,
    t.unit,
    t.id,
    t.case_id,
    t.cause,
    t.certainty,
    t.state,
    t.severity,
    t.assignee,
    t.amount,
    t.amount_usd,
    t.origin_at,
    t.opened_at,
    t.age,
    t.business_age,
    g.bucket
FROM (
    SELECT
        b.gateway,
        b.account,
        b.unit_kind,
        b.unit,
        b.id,
        b.case_id,
        b.cause,
        b.certainty,
        b.state,
        b.severity,
        b.assignee,
        b.amount,
        b.amount_usd,
        b.origin_at,
        b.opened_at,
        greatest(now() - b.origin_at, interval '0') AS age,
        coalesce(w.age, interval '0') AS business_age,
        CASE
            WHEN jsonb_array_length(r.rules -> 'ageing_us') > 0 THEN r.rules -> 'ageing_us'
            ELSE '[3600000000, 86400000000, 172800000000, 432000000000]'::jsonb
        END AS bounds
    FROM recon_store.breaks AS b
    JOIN recon_store.editions AS c ON c.gateway = b.gateway AND c.edition = b.edition AND c.state = 'current'
    LEFT JOIN recon_store.rules_of_accounts AS r ON r.gateway = b.gateway AND r.account = b.account
    -- A business day ends at the cut-off of its account. Moved by that, each one is a day of the calendar in UTC.
    CROSS JOIN LATERAL (
        VALUES (
            interval '1 day' - coalesce(nullif((r.rules ->> 'cutoff_minute')::integer, 0), 1440) * interval '1 minute',
            CASE jsonb_typeof(r.rules -> 'business_days')
                WHEN 'array' THEN r.rules -> 'business_days'
                ELSE '[0, 1, 2, 3, 4, 5, 6]'::jsonb
            END
        )
    ) AS k (shift, days)
    CROSS JOIN LATERAL (
        SELECT sum(least(d.day + interval '1 day', u.until) - greatest(d.day, u.since)) AS age
        FROM (
            VALUES ((b.origin_at + k.shift) AT TIME ZONE 'UTC', (now() + k.shift) AT TIME ZONE 'UTC')
        ) AS u (since, until)
        CROSS JOIN LATERAL generate_series(date_trunc('day', u.since), u.until, interval '1 day') AS d (day)
        -- Monday is 0.
        WHERE k.days @> to_jsonb(extract(isodow FROM d.day)::integer - 1)
    ) AS w
    WHERE b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
) AS t
-- The least bound that the age is below; where it is below none, the greatest.
CROSS JOIN LATERAL (
    SELECT CASE WHEN x.below THEN 'under ' || x.bound ELSE x.bound || ' and over' END AS bucket
    FROM (
        SELECT
            y.us,
            t.business_age < y.us * interval '1 microsecond' AS below,
            CASE
                WHEN y.us % 86400000000 = 0 THEN y.us / 86400000000 || ' d'
                WHEN y.us % 3600000000 = 0 THEN y.us / 3600000000 || ' h'
                WHEN y.us % 60000000 = 0 THEN y.us / 60000000 || ' min'
                WHEN y.us % 1000000 = 0 THEN y.us / 1000000 || ' s'
                ELSE y.us / 1000 || ' ms'
            END AS bound
        FROM (
            SELECT z.value::bigint AS us FROM jsonb_array_elements_text(t.bounds) AS z (value)
        ) AS y
    ) AS x
    ORDER BY x.below DESC, CASE WHEN x.below THEN x.us ELSE -x.us END
    LIMIT 1
) AS g;

COMMENT ON VIEW recon_exact.break_ageing IS 'Each break that is open now, with its age from the origin and the bucket of its age';
COMMENT ON COLUMN recon_exact.break_ageing.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.break_ageing.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.break_ageing.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.break_ageing.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon_exact.break_ageing.id IS 'The break, as in breaks';
COMMENT ON COLUMN recon_exact.break_ageing.case_id IS 'The case that it belongs to';
COMMENT ON COLUMN recon_exact.break_ageing.cause IS 'The named reason, such as missed_fill';
COMMENT ON COLUMN recon_exact.break_ageing.certainty IS 'exact, inferred or candidate';
COMMENT ON COLUMN recon_exact.break_ageing.state IS 'open, assigned, investigating, proposed or accepted';
COMMENT ON COLUMN recon_exact.break_ageing.severity IS
    'info, low, medium, high or critical: the highest of the bands of amount, age and cause; null: not worked out yet';
COMMENT ON COLUMN recon_exact.break_ageing.assignee IS 'Who works on it; null: nobody yet';
COMMENT ON COLUMN recon_exact.break_ageing.amount IS 'What is not explained, in the unit itself, signed: reported less expected';
COMMENT ON COLUMN recon_exact.break_ageing.amount_usd IS 'The amount in USD; null: no rate is known';
COMMENT ON COLUMN recon_exact.break_ageing.origin_at IS 'When it arose, UTC, as far as known';
COMMENT ON COLUMN recon_exact.break_ageing.opened_at IS 'Log time at which it was opened';
COMMENT ON COLUMN recon_exact.break_ageing.age IS 'now - origin_at, by the calendar';
COMMENT ON COLUMN recon_exact.break_ageing.business_age IS
    'The age in business days of its account, by the rules in force: 24 hours are a day, and other days do not count';
COMMENT ON COLUMN recon_exact.break_ageing.bucket IS
    'By business_age, between the bounds of the account''s setting ageing; without it: under 1 h, under 1 d, under 2 d, '
    'under 5 d, or 5 d and over';

GRANT SELECT ON recon_exact.break_ageing TO recon_analyst, recon_service, recon_operator;
