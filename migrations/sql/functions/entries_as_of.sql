CREATE FUNCTION recon_exact.entries_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, unit_kind text, unit text, entry_no bigint, seq bigint, occurred_at timestamptz,
    recorded_at timestamptz, cause text, certainty text, amount numeric, running numeric, order_key text,
    ordinal integer, break_id text, replaces bigint, fact text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        e.gateway, e.account, e.unit_kind, e.unit, e.entry_no, e.seq, e.occurred_at, e.recorded_at, e.cause,
        e.certainty, e.amount, e.running, e.order_key, e.ordinal, e.break_id, e.replaces, e.fact
    FROM recon_exact.entries AS e
    WHERE e.occurred_at <= coalesce(entries_as_of.valid_at, now())
      AND e.recorded_at <= coalesce(entries_as_of.known_at, now())
$$;

COMMENT ON FUNCTION recon_exact.entries_as_of IS
    'The entries that happened by valid_at and were recorded by known_at (null: now), with the columns of entries; '
    'running is the sum in the order of knowledge, so it may hold entries that happened after valid_at';

REVOKE ALL ON FUNCTION recon_exact.entries_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.entries_as_of TO recon_analyst, recon_service, recon_operator;
