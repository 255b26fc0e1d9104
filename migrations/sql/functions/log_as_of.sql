CREATE FUNCTION recon.log_as_of(known_at timestamptz DEFAULT now())
RETURNS TABLE (gateway text, seq bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 AS $$
    -- OFFSET 0: the position is found once for each gateway, whatever this is joined to.
    SELECT g.name, recon.seq_at(g.name, coalesce(log_as_of.known_at, now()))
    FROM recon.gateways AS g
    OFFSET 0
$$;

COMMENT ON FUNCTION recon.log_as_of IS
    'One row per gateway: the last log position that was recorded by known_at (null: now); 0: none was';

REVOKE ALL ON FUNCTION recon.log_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.log_as_of TO recon_analyst, recon_service, recon_operator;
