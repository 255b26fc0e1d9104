CREATE VIEW recon.server_infos AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    e.session,
    coalesce(m.message -> 'data' ->> 'time', m.message ->> 'time') AS sent_at,
    coalesce(m.message -> 'data' ->> 'instance_guid', m.message ->> 'instance_guid') AS instance_guid,
    coalesce(m.message -> 'data' ->> 'server_name', m.message ->> 'server_name') AS server_name,
    coalesce(m.message -> 'data' ->> 'server_version', m.message ->> 'server_version') AS server_version,
    CASE coalesce(m.message -> 'data' ->> 'is_running', m.message ->> 'is_running')
        WHEN 'true' THEN true
        WHEN 'false' THEN false
    END AS is_running,
    coalesce(m.message -> 'data' ->> 'time_server_start', m.message ->> 'time_server_start') AS started_at,
    coalesce(m.message -> 'data' ->> 'dns_name', m.message ->> 'dns_name') AS dns_name
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'SERVER_INFO';

COMMENT ON VIEW recon.server_infos IS
    'What an edge of the EMS said of itself, where something of it had changed; heartbeats sums up the others';
COMMENT ON COLUMN recon.server_infos.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.server_infos.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.server_infos.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.server_infos.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.server_infos.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.server_infos.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.server_infos.sent_at IS 'When the edge sent it, by its own clock, as text; null: not sent';
COMMENT ON COLUMN recon.server_infos.instance_guid IS
    'Random id of the edge''s process: another one means a restart; null: not sent';
COMMENT ON COLUMN recon.server_infos.server_name IS 'Name of the server; null: not sent';
COMMENT ON COLUMN recon.server_infos.server_version IS 'Version of the server; null: not sent';
COMMENT ON COLUMN recon.server_infos.is_running IS 'Whether the edge says that it runs; null: not sent';
COMMENT ON COLUMN recon.server_infos.started_at IS
    'When the edge''s process began, by its own clock, as text; null: not sent';
COMMENT ON COLUMN recon.server_infos.dns_name IS 'Name of its host; null: not sent';

GRANT SELECT ON recon.server_infos TO recon_analyst, recon_service, recon_operator;
