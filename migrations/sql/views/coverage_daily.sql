CREATE VIEW recon_exact.coverage_daily AS
WITH ends AS (
    SELECT c.gateway, c.edition, p.present
    FROM recon_store.editions AS c
    -- By log time as far as the log goes, and by the database's own clock from there.
    CROSS JOIN LATERAL (
        SELECT x.recorded_at + (now() - coalesce(x.appended_at, x.recorded_at)) AS present
        FROM recon_store.log_end(c.gateway) AS x
        WHERE x.seq IS NOT NULL
    ) AS p
    WHERE c.state = 'current'
)
SELECT
    s.gateway,
    s.account,
    s.day,
    s.covered,
    s.unresolved,
    s.catching_up,
    s.gap,
    s.dead,
    s.elapsed - s.covered - s.unresolved - s.catching_up - s.gap - s.dead AS unknown,
    s.elapsed,
    round(extract(epoch FROM s.covered) / nullif(extract(epoch FROM s.elapsed), 0), 6) AS covered_share,
    s.covered = s.elapsed AS whole
FROM (
    SELECT
        a.gateway,
        a.account,
        d.day::date AS day,
        least(d.day + interval '1 day', a.now) - d.day AS elapsed,
        coalesce(sum(p.until - p.since) FILTER (WHERE p.state = 'covered'), interval '0') AS covered,
        coalesce(sum(p.until - p.since) FILTER (WHERE p.state = 'unresolved'), interval '0') AS unresolved,
        coalesce(sum(p.until - p.since) FILTER (WHERE p.state = 'catching_up'), interval '0') AS catching_up,
        coalesce(sum(p.until - p.since) FILTER (WHERE p.state = 'gap'), interval '0') AS gap,
        coalesce(sum(p.until - p.since) FILTER (WHERE p.state = 'dead'), interval '0') AS dead
    FROM (
        SELECT
            k.gateway,
            k.edition,
            k.account,
            k.last_alive_at,
            e.present,
            e.present AT TIME ZONE 'UTC' AS now,
            f.from_time AT TIME ZONE 'UTC' AS known_at
        FROM recon_store.accounts AS k
        JOIN ends AS e ON e.gateway = k.gateway AND e.edition = k.edition
        CROSS JOIN LATERAL (
            SELECT v.from_time
            FROM recon_store.coverage AS v
            WHERE (v.gateway, v.edition, v.account) = (k.gateway, k.edition, k.account)
            ORDER BY v.from_seq
            LIMIT 1
        ) AS f
    ) AS a
    CROSS JOIN LATERAL generate_series(date_trunc('day', a.known_at), a.now, interval '1 day') AS d (day)
    LEFT JOIN LATERAL (
        SELECT
            i.state,
            greatest(i.since, d.day) AS since,
            least(i.until, d.day + interval '1 day') AS until
        FROM recon.coverage_known(a.gateway) AS v
        -- What goes on lasts as long as there are signs of life; a gap lasts until now.
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN v.until_time IS NULL AND v.state <> 'gap' AND a.last_alive_at < a.present - interval '30 seconds'
                    THEN greatest(a.last_alive_at, v.from_time)
            END AS died_at
            FROM (VALUES (1)) AS one
        ) AS n
        CROSS JOIN LATERAL (
            VALUES
                (
                    v.state,
                    v.from_time AT TIME ZONE 'UTC',
                    coalesce(v.until_time, n.died_at, a.present) AT TIME ZONE 'UTC'
                ),
                ('dead', n.died_at AT TIME ZONE 'UTC', a.now)
        ) AS i (state, since, until)
        WHERE v.account = a.account
          AND i.since < d.day + interval '1 day'
          AND i.until > d.day
          -- Only what the log told from the last stretch before the day on, up to the first gap after it.
          AND v.recorded_time >= coalesce(
              (
                  SELECT max(x.from_time)
                  FROM recon_store.coverage AS x
                  WHERE (x.gateway, x.edition, x.account) = (a.gateway, a.edition, a.account)
                    AND x.from_time <= d.day AT TIME ZONE 'UTC'
              ),
              '-infinity'
          )
          AND v.recorded_time <= coalesce(
              (
                  SELECT min(x.from_time)
                  FROM recon_store.coverage AS x
                  WHERE (x.gateway, x.edition, x.account) = (a.gateway, a.edition, a.account)
                    AND x.from_time >= (d.day + interval '1 day') AT TIME ZONE 'UTC'
                    AND x.alive_time IS NOT NULL
              ),
              'infinity'
          )
    ) AS p ON true
    GROUP BY a.gateway, a.account, d.day, a.now
) AS s;

COMMENT ON VIEW recon_exact.coverage_daily IS
    'How much of each day, in UTC, each account was truly observed in; the lengths of a day add up to elapsed';
COMMENT ON COLUMN recon_exact.coverage_daily.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.coverage_daily.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.coverage_daily.day IS 'The calendar day in UTC';
COMMENT ON COLUMN recon_exact.coverage_daily.covered IS 'How long it was covered';
COMMENT ON COLUMN recon_exact.coverage_daily.unresolved IS
    'How long it was observed, while orders from before a gap, or of it, were not accounted for';
COMMENT ON COLUMN recon_exact.coverage_daily.catching_up IS
    'How long snapshots were missing, or what a gap hid was being fetched';
COMMENT ON COLUMN recon_exact.coverage_daily.gap IS 'How long it was not observed, as far as the log tells';
COMMENT ON COLUMN recon_exact.coverage_daily.dead IS
    'How long nothing has been heard since its last sign of life, beyond the end of the log: the service may be dead';
COMMENT ON COLUMN recon_exact.coverage_daily.unknown IS 'How much of the day had passed before recon knew of the account';
COMMENT ON COLUMN recon_exact.coverage_daily.elapsed IS 'How much of the day has passed: 24 hours of any day but today';
COMMENT ON COLUMN recon_exact.coverage_daily.covered_share IS
    'covered as a share of elapsed, from 0 to 1, rounded to 6 digits; null: the day begins right now';
COMMENT ON COLUMN recon_exact.coverage_daily.whole IS 'Whether the account was covered all the time that has passed of the day';

GRANT SELECT ON recon_exact.coverage_daily TO recon_analyst, recon_service, recon_operator;
