-- For the functions and views of the owner. A process id, a login and an application name are visible to everybody
-- in pg_stat_activity, whatever the reader may see else; nobody can show another's login there. A term is drawn once,
-- so a process id that is used again holds nothing.
CREATE VIEW recon_store.held_leases AS
SELECT l.gateway, l.purpose, l.term, l.writer, l.login, l.instance, l.taken_at
FROM recon_store.leases AS l
JOIN pg_catalog.pg_stat_activity AS a
    ON a.pid = l.pid
    AND a.usename = l.login
    AND a.datname = current_database()
    AND starts_with(a.application_name, format('recon lease %s ', l.term));

COMMENT ON VIEW recon_store.held_leases IS 'The leases whose holder''s backend lives; for nobody but the owner';
