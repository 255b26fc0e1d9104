CREATE VIEW recon.log_partitions AS
SELECT
    p.name,
    substring(p.bounds FROM 'FROM \(''(\d+)''\)')::bigint AS first_seq,
    substring(p.bounds FROM 'TO \(''(\d+)''\)')::bigint - 1 AS last_seq,
    pg_total_relation_size(p.oid) AS bytes
FROM (
    SELECT c.oid, c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'recon_store.log_events'::regclass
) AS p;

COMMENT ON VIEW recon.log_partitions IS
    'The tables that the log lies in, one row each: a partition holds one stretch of seq, of every gateway';
COMMENT ON COLUMN recon.log_partitions.name IS
    'The table, in schema recon_store; log_events_beyond takes what has no partition of its own yet';
COMMENT ON COLUMN recon.log_partitions.first_seq IS 'First log position that it is for';
COMMENT ON COLUMN recon.log_partitions.last_seq IS 'Last log position that it is for; null: all that follow';
COMMENT ON COLUMN recon.log_partitions.bytes IS 'Its size with its indexes, in bytes';

GRANT SELECT ON recon.log_partitions TO recon_analyst, recon_service, recon_operator;
