CREATE FUNCTION recon.restatements(
    from_at timestamptz, to_at timestamptz DEFAULT now(), valid_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    gateway text, account text, unit_kind text, unit text, believed numeric, known numeric, difference numeric,
    entries bigint[], believed_reason text, known_reason text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        u.gateway, u.account, u.unit_kind, u.unit, b.value, k.value, k.value - b.value, n.entries, b.reason, k.reason
    FROM recon.units AS u
    CROSS JOIN LATERAL (
        SELECT recon.entries_learned(
            u.gateway, u.edition, u.account, u.unit_kind, u.unit,
            coalesce(restatements.valid_at, restatements.from_at), restatements.from_at,
            coalesce(restatements.to_at, now())
        ) AS entries
        FROM (VALUES (1)) AS one
        OFFSET 0
    ) AS n
    CROSS JOIN LATERAL recon.unit_as_of(
        u.gateway, u.edition, u.account, u.unit_kind, u.unit,
        coalesce(restatements.valid_at, restatements.from_at), restatements.from_at
    ) AS b
    CROSS JOIN LATERAL recon.unit_as_of(
        u.gateway, u.edition, u.account, u.unit_kind, u.unit,
        coalesce(restatements.valid_at, restatements.from_at), coalesce(restatements.to_at, now())
    ) AS k
    WHERE n.entries <> '{}'
$$;

COMMENT ON FUNCTION recon.restatements IS
    'One row per unit whose books of a time changed afterwards. believed: its books at valid_at (null: from_at) as known '
    'at from_at; known: the same as known at to_at (null: now); difference: known - believed, null where one of them is. '
    'entries: the entry_no, as in entries, of what changed it: it happened by valid_at and was recorded after from_at and '
    'by to_at; a difference of 0 means that they cancel. believed_reason and known_reason: why the value is null';

REVOKE ALL ON FUNCTION recon.restatements FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.restatements TO recon_analyst, recon_service, recon_operator;
