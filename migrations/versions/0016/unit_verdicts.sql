-- Figures are those of the cut that the latest report was compared with; never reported: those of all entries.
CREATE VIEW recon_store.unit_verdicts AS
SELECT
    s.*,
    CASE
        WHEN coalesce(s.judgement, 'unobserved') = 'unobserved' THEN 'unobserved'
        WHEN s.unmodelled IS NOT NULL THEN 'unmodelled'
        WHEN s.stale IS NOT NULL THEN 'stale'
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
        coalesce(b.open, 0) AS open_breaks,
        a.venue_account
    FROM recon_store.units AS u
    JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
    LEFT JOIN (
        SELECT g.gateway, h.recorded_at, h.appended_at
        FROM recon_store.log_gateways AS g
        CROSS JOIN LATERAL (
            SELECT x.recorded_at, coalesce(x.appended_at, x.recorded_at) AS appended_at
            FROM recon_store.log_events AS x
            WHERE x.gateway = g.gateway
            ORDER BY x.seq DESC
            LIMIT 1
        ) AS h
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
) AS s;

COMMENT ON VIEW recon_store.unit_verdicts IS
    'Every unit with its latest report and its verdict: what positions and balances show';
