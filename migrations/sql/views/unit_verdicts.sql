-- Figures are those of the cut that the latest report was compared with; never reported: those of all entries.
CREATE VIEW recon_store.unit_verdicts AS
SELECT
    s.*,
    CASE
        WHEN coalesce(s.judgement, 'unobserved') = 'unobserved' THEN 'unobserved'
        WHEN s.unmodelled IS NOT NULL THEN 'unmodelled'
        WHEN s.stale IS NOT NULL THEN 'stale'
        WHEN s.judgement = 'agreed' AND s.unconfirmed IS NOT NULL THEN 'pending'
        ELSE s.judgement
    END AS verdict
FROM (
    SELECT
        u.gateway,
        u.account,
        u.unit_kind,
        u.unit,
        u.coinapi,
        u.value,
        u.opening,
        CASE WHEN o.reported IS NULL THEN u.fills ELSE o.cut_fills END AS fills,
        CASE WHEN o.reported IS NULL THEN u.explained ELSE o.cut_explained END AS explained,
        CASE WHEN o.reported IS NOT NULL THEN u.fills - o.cut_fills END AS in_flight,
        o.reported,
        CASE WHEN o.reported IS NOT NULL THEN o.inferred END AS inferred,
        o.observed_at,
        o.cut_seq,
        u.last_seq,
        u.available,
        u.locked,
        u.rate_usd,
        u.long,
        u.short,
        u.avg_entry_price,
        u.reported_avg_entry_price,
        o.judgement,
        u.unmodelled,
        CASE
            WHEN a.account IS NULL THEN 'nothing is known of the account'
            WHEN a.state NOT IN ('covered', 'unresolved') THEN a.state || coalesce(', ' || a.reason, '')
            WHEN u.withheld THEN
                'an order of this unit is not accounted for, its cash is not known, or nothing was told of the unit'
                ' since the gap; or an event of the account was refused, and nothing made up for it'
            WHEN a.last_alive_at IS NULL THEN 'no sign of life yet'
            -- By log time as far as the log goes, and by the database's own clock from there: neither clock may deceive.
            WHEN p.recorded_at - a.last_alive_at + (now() - p.appended_at) > interval '30 seconds'
                THEN 'no sign of life for more than 30 s'
        END AS stale,
        -- Where the rules require a source that does not share the EMS's upstream, agreeing reports are not enough.
        CASE
            WHEN q.require_source IS NOT NULL AND w.rank IS NULL
                THEN 'no independent source has agreed yet; the settings require a ' || q.require_source
            WHEN q.require_source IS NOT NULL AND NOT w.recent
                THEN 'the settings require a ' || q.require_source || '; the last to agree was ' || w.source || ' at '
                    || to_char(w.agreed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC, too long ago'
            WHEN w.rank < array_position(ARRAY['person', 'venue', 'custodian', 'chain'], q.require_source)
                THEN 'the settings require a ' || q.require_source || ', and only a ' || w.source || ' has agreed'
        END AS unconfirmed,
        w.source AS agreed_source,
        w.agreed_at AS agreed_source_at,
        coalesce(b.open, 0) AS open_breaks,
        a.venue_account
    FROM recon_store.units AS u
    JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
    LEFT JOIN (
        SELECT g.gateway, h.recorded_at, coalesce(h.appended_at, h.recorded_at) AS appended_at
        FROM recon_store.log_gateways AS g
        CROSS JOIN LATERAL recon_store.log_end(g.gateway) AS h
    ) AS p ON p.gateway = u.gateway
    LEFT JOIN recon_store.accounts AS a ON (a.gateway, a.edition, a.account) = (u.gateway, u.edition, u.account)
    LEFT JOIN recon_store.comparisons AS o
        ON (o.gateway, o.edition, o.account, o.unit_kind, o.unit)
         = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
    LEFT JOIN (
        SELECT k.gateway, k.edition, k.account, k.unit_kind, k.unit, count(*) AS open
        FROM recon_store.breaks AS k
        WHERE k.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
        GROUP BY k.gateway, k.edition, k.account, k.unit_kind, k.unit
    ) AS b
        ON (b.gateway, b.edition, b.account, b.unit_kind, b.unit)
         = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
    LEFT JOIN recon_store.source_rules AS q ON (q.gateway, q.edition, q.account) = (u.gateway, u.edition, u.account)
    -- Of the sources whose latest word agrees: one within its age first, then the most independent, then the latest.
    LEFT JOIN LATERAL (
        SELECT r.* FROM (
            SELECT
                t.source,
                t.agreed_at,
                t.agreed_at >= now() - coalesce(q.source_age_us, 93600000000) * interval '1 microsecond' AS recent,
                array_position(ARRAY['person', 'venue', 'custodian', 'chain'], t.source) AS rank
            FROM recon_store.source_standings AS t
            WHERE (t.gateway, t.edition, t.account, t.unit_kind, t.unit)
                = (u.gateway, u.edition, u.account, u.unit_kind, u.unit) AND t.verdict = 'agreed'
        ) AS r
        ORDER BY r.recent DESC, r.rank DESC, r.agreed_at DESC
        LIMIT 1
    ) AS w ON true
) AS s;

COMMENT ON VIEW recon_store.unit_verdicts IS
    'Every unit with its latest report and its verdict: what positions and balances show';
