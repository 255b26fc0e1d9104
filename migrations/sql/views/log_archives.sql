CREATE VIEW recon.log_archives AS
SELECT
    a.gateway,
    a.first_seq,
    a.last_seq,
    (a.manifest::json ->> 'first_at')::timestamptz AS first_at,
    (a.manifest::json ->> 'last_at')::timestamptz AS last_at,
    encode(a.digest, 'hex') AS digest,
    a.manifest::json ->> 'file' AS file,
    a.manifest::json ->> 'sha256' AS sha256,
    (a.manifest::json ->> 'size')::bigint AS bytes,
    a.login AS archived_by,
    a.archived_at,
    a.manifest
FROM recon_store.log_archives AS a;

COMMENT ON VIEW recon.log_archives IS
    'What of each log is archived: a row for each file. Of these events, events and the views of single kinds'
    ' have only the kept ones; `recon docs production`, 6, says how to read the others';
COMMENT ON COLUMN recon.log_archives.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.log_archives.first_seq IS 'Log position of the first archived event';
COMMENT ON COLUMN recon.log_archives.last_seq IS 'Log position of the last archived event';
COMMENT ON COLUMN recon.log_archives.first_at IS 'Log time of the first one, UTC';
COMMENT ON COLUMN recon.log_archives.last_at IS 'Log time of the last one, UTC';
COMMENT ON COLUMN recon.log_archives.digest IS 'The digest of the log at the last one, in hex';
COMMENT ON COLUMN recon.log_archives.file IS 'The file that has them, in the directory of the archive';
COMMENT ON COLUMN recon.log_archives.sha256 IS 'SHA-256 of the file, in hex';
COMMENT ON COLUMN recon.log_archives.bytes IS 'The size of the file, in bytes';
COMMENT ON COLUMN recon.log_archives.archived_by IS 'The login that archived them';
COMMENT ON COLUMN recon.log_archives.archived_at IS 'When that was, UTC, by the database''s clock';
COMMENT ON COLUMN recon.log_archives.manifest IS 'All that the archive''s manifest says of the file, as JSON';

GRANT SELECT ON recon.log_archives TO recon_analyst, recon_service, recon_operator;
