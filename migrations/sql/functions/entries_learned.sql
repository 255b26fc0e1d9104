CREATE FUNCTION recon.entries_learned(
    p_gateway text, p_edition integer, p_account text, p_unit_kind text, p_unit text,
    p_valid_at timestamptz, p_from_at timestamptz, p_to_at timestamptz)
RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    -- As in unit_as_of: within this, entries are found by their number.
    c_near CONSTANT interval := '00:00:10';
    v_found bigint[] := '{}';
    v_base bigint;
    v_entry record;
BEGIN
    IF p_from_at < p_valid_at + c_near THEN
        v_base := recon.entry_near(p_gateway, p_edition, p_account, p_unit_kind, p_unit, p_from_at);
        FOR v_entry IN
            SELECT e.entry_no, e.recorded_at, e.occurred_at FROM recon_exact.entries AS e
            WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
              AND e.unit_kind = p_unit_kind AND e.unit = p_unit AND e.entry_no > v_base
            ORDER BY e.entry_no
        LOOP
            EXIT WHEN v_entry.recorded_at > p_to_at OR v_entry.recorded_at > p_valid_at + c_near;
            IF v_entry.recorded_at > p_from_at AND v_entry.occurred_at <= p_valid_at THEN
                v_found := v_found || v_entry.entry_no;
            END IF;
        END LOOP;
    END IF;
    RETURN v_found || ARRAY(
        SELECT e.entry_no FROM recon_exact.entries AS e
        WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
          AND e.unit_kind = p_unit_kind AND e.unit = p_unit
          AND e.recorded_at - e.occurred_at > interval '00:00:10'
          AND e.recorded_at > greatest(p_from_at, p_valid_at + c_near) AND e.recorded_at <= p_to_at
          AND e.occurred_at <= p_valid_at
        ORDER BY e.entry_no
    );
END $$;

COMMENT ON FUNCTION recon.entries_learned IS
    'The numbers of the entries of one unit that happened by p_valid_at and were recorded after p_from_at and by '
    'p_to_at, in the order of knowledge';

REVOKE ALL ON FUNCTION recon.entries_learned FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.entries_learned TO recon_analyst, recon_service, recon_operator;
