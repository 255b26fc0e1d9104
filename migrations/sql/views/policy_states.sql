CREATE VIEW recon.policy_states AS
SELECT k.routed_at, false AS latest, NULL::timestamptz AS due_at, convert_from(k.state, 'UTF8') AS state
FROM recon_store.router_states AS k
UNION ALL
SELECT r.routed_at, true, r.due_at, convert_from(r.state, 'UTF8')
FROM recon_store.router AS r;

COMMENT ON VIEW recon.policy_states IS
    'What the policy remembered before the first routing of each day, and what it remembers now';
COMMENT ON COLUMN recon.policy_states.routed_at IS 'The routing before which it was so; of the latest: after which';
COMMENT ON COLUMN recon.policy_states.latest IS 'Whether this is what it remembers now';
COMMENT ON COLUMN recon.policy_states.due_at IS 'When time alone has it do something next; null: never, or not the latest';
COMMENT ON COLUMN recon.policy_states.state IS 'Cases, what waits, and what channels were sent: JSON, or empty';

GRANT SELECT ON recon.policy_states TO recon_analyst, recon_service, recon_operator;
