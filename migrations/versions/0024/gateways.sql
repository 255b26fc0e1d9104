CREATE VIEW recon.gateways AS
SELECT
    g.gateway AS name,
    CASE
        WHEN s.seq IS NULL THEN 'unconnected'
        WHEN s.kind = 'session.failed' THEN 'failing'
        WHEN s.kind = 'session.closed' THEN 'disconnected'
        WHEN coalesce(h.appended_at, h.recorded_at) < now() - interval '30 seconds' THEN 'silent'
        ELSE 'connected'
    END AS state,
    CASE WHEN s.kind = 'session.opened' THEN s.session END AS session,
    CASE WHEN s.kind = 'session.opened' THEN s.recorded_at END AS connected_at,
    h.recorded_at AS last_event_at,
    coalesce(h.seq, 0) AS head_seq,
    coalesce(e.seq, 0) AS projected_seq,
    coalesce(h.seq, 0) - coalesce(e.seq, 0) AS lag_events,
    s.recorded_at AS changed_at,
    s.note ->> 'url' AS url,
    s.note ->> 'reason' AS reason,
    s.note ->> 'detail' AS detail,
    e.edition,
    e.fold_version,
    l.instance AS recorder,
    l.login AS recorder_login,
    l.taken_at AS recorder_since
FROM recon_store.log_gateways AS g
LEFT JOIN LATERAL (
    SELECT x.seq, x.recorded_at, x.appended_at
    FROM recon_store.log_events AS x
    WHERE x.gateway = g.gateway
    ORDER BY x.seq DESC
    LIMIT 1
) AS h ON true
LEFT JOIN LATERAL (
    SELECT
        x.seq,
        x.recorded_at,
        x.kind,
        x.session,
        CASE WHEN x.readable THEN convert_from(x.payload, 'UTF8')::json END AS note
    FROM recon_store.log_events AS x
    WHERE x.gateway = g.gateway
      AND x.kind IN ('session.opened', 'session.closed', 'session.failed')
    ORDER BY x.seq DESC
    LIMIT 1
) AS s ON true
LEFT JOIN recon_store.editions AS e ON e.gateway = g.gateway AND e.state = 'current'
LEFT JOIN recon_store.held_leases AS l ON l.gateway = g.gateway AND l.purpose = 'record';

COMMENT ON VIEW recon.gateways IS
    'One row per log: whether the gateway is connected, and how far its log is folded into the books';
COMMENT ON COLUMN recon.gateways.name IS 'The gateway''s name in the settings';
COMMENT ON COLUMN recon.gateways.state IS
    'unconnected: never tried; connected; silent: connected, but nothing was logged for more than 30 s (is the '
    'service running?); disconnected; failing: the last attempt to connect failed';
COMMENT ON COLUMN recon.gateways.session IS 'The session that is open; null: none';
COMMENT ON COLUMN recon.gateways.connected_at IS 'Log time at which it was opened; null: none is open';
COMMENT ON COLUMN recon.gateways.last_event_at IS 'Log time of the last event in the log; null: the log is empty';
COMMENT ON COLUMN recon.gateways.head_seq IS 'Log position of that event; 0: the log is empty';
COMMENT ON COLUMN recon.gateways.projected_seq IS 'Log position up to which the books are folded; 0: not at all';
COMMENT ON COLUMN recon.gateways.lag_events IS 'Events in the log that the books do not hold yet';
COMMENT ON COLUMN recon.gateways.changed_at IS 'Log time of the last session event; null: never tried';
COMMENT ON COLUMN recon.gateways.url IS 'The address of that event, without credentials; null: not known';
COMMENT ON COLUMN recon.gateways.reason IS 'Why the session ended, or could not be opened; null: one is open';
COMMENT ON COLUMN recon.gateways.detail IS 'The same in words; null: nothing more is known';
COMMENT ON COLUMN recon.gateways.edition IS
    'The edition of the books that the views show; null: nothing was folded yet';
COMMENT ON COLUMN recon.gateways.fold_version IS 'The version of the code that folded it; null: nothing was folded yet';
COMMENT ON COLUMN recon.gateways.recorder IS
    'The instance of the service that holds the lease and so records the gateway; null: none does';
COMMENT ON COLUMN recon.gateways.recorder_login IS 'The login of its session; null: none records the gateway';
COMMENT ON COLUMN recon.gateways.recorder_since IS
    'When it took the lease, by the database''s clock; null: none records the gateway';

GRANT SELECT ON recon.gateways TO recon_analyst, recon_service, recon_operator;
