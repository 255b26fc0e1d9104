CREATE VIEW recon.accounts AS
SELECT
    t.gateway,
    t.account,
    t.state,
    t.reason,
    t.last_alive_at,
    -t.lag_us * interval '1 microsecond' AS clock_skew,
    -- The first interval after the last one that was in another state. A gap began before the log told of it.
    (
        SELECT min(CASE t.state WHEN 'gap' THEN coalesce(x.alive_time, x.from_time) ELSE x.from_time END)
        FROM recon_store.coverage AS x
        WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account)
          AND x.from_seq > coalesce(
              (
                  SELECT y.from_seq
                  FROM recon_store.coverage AS y
                  WHERE (y.gateway, y.edition, y.account) = (t.gateway, t.edition, t.account)
                    AND y.state <> t.state
                  ORDER BY y.from_seq DESC
                  LIMIT 1
              ),
              0
          )
    ) AS since,
    jsonb_array_length(t.unaccounted) AS open_orders_unaccounted,
    t.unaccounted AS unaccounted_orders,
    t.venue_account,
    (
        SELECT k.state
        FROM recon_store.catch_ups AS k
        WHERE (k.gateway, k.edition, k.account) = (t.gateway, t.edition, t.account)
        ORDER BY k.from_seq DESC
        LIMIT 1
    ) AS catch_up,
    t.stamp_resolution_us * interval '1 microsecond' AS stamp_resolution,
    t.venue_ahead_us * interval '1 microsecond' AS venue_ahead
FROM recon_store.accounts AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon.accounts IS 'Every account that a gateway has named, and how it is observed now';
COMMENT ON COLUMN recon.accounts.gateway IS 'The gateway';
COMMENT ON COLUMN recon.accounts.account IS 'The account (EMS exchange_id, exactly as sent)';
COMMENT ON COLUMN recon.accounts.state IS 'covered, unresolved, catching_up or gap, as in coverage';
COMMENT ON COLUMN recon.accounts.reason IS 'Why it is not covered; null: covered';
COMMENT ON COLUMN recon.accounts.last_alive_at IS 'Log time of its last sign of life; null: none yet';
COMMENT ON COLUMN recon.accounts.clock_skew IS
    'How far the EMS''s clock seems ahead of ours, by its last heartbeat; negative: behind. The way of the message '
    'is inside: it makes the EMS seem behind by as much. null: no heartbeat told the time yet';
COMMENT ON COLUMN recon.accounts.since IS 'Log time since when it has been in this state, for whatever reason';
COMMENT ON COLUMN recon.accounts.open_orders_unaccounted IS
    'How many orders were open and are told of no more: what became of them is not known';
COMMENT ON COLUMN recon.accounts.unaccounted_orders IS 'Those orders, as a JSON list of order_key, as in orders';
COMMENT ON COLUMN recon.accounts.venue_account IS
    'The venue''s own name of the account by the settings: accounts of one name, at whatever gateway, are one; null: '
    'none is told';
COMMENT ON COLUMN recon.accounts.catch_up IS
    'The state of its last catch-up, as in catch_ups; null: it was never out of sight';
COMMENT ON COLUMN recon.accounts.stamp_resolution IS
    'The finest resolution seen of the venue''s times of fills; null: no fill told a time yet';
COMMENT ON COLUMN recon.accounts.venue_ahead IS
    'How far the venue''s clock is ahead of ours by the times of its fills, clock_skew aside; negative: behind; zero: '
    'nothing speaks for a wrong clock';

GRANT SELECT ON recon.accounts TO recon_analyst, recon_service, recon_operator;
