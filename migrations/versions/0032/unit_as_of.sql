CREATE FUNCTION recon_exact.unit_as_of(
    p_gateway text, p_edition integer, p_account text, p_unit_kind text, p_unit text,
    p_valid_at timestamptz, p_known_at timestamptz,
    OUT value numeric, OUT opening numeric, OUT reason text)
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    -- Within this, entries are found by their number; what was recorded further from its time has indexes of its own.
    c_near CONSTANT interval := '00:00:10';
    v_opened_at timestamptz;
    v_opening_known_at timestamptz;
    v_base_at timestamptz;
    v_base bigint;
    v_entry record;
BEGIN
    SELECT e.amount, e.occurred_at, e.recorded_at INTO opening, v_opened_at, v_opening_known_at
    FROM recon_exact.entries AS e
    WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
      AND e.unit_kind = p_unit_kind AND e.unit = p_unit AND e.cause = 'opening'
    ORDER BY e.entry_no LIMIT 1;
    IF v_opening_known_at IS NULL OR v_opening_known_at > p_known_at THEN
        opening := NULL;
        SELECT CASE WHEN count(*) = 0 THEN 'nothing was known of it by then' ELSE 'no opening was known by then' END
        INTO reason FROM recon_exact.entries AS e
        WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
          AND e.unit_kind = p_unit_kind AND e.unit = p_unit AND e.entry_no = 1 AND e.recorded_at <= p_known_at;
        RETURN;
    END IF;
    IF v_opened_at > p_valid_at THEN
        opening := NULL;
        reason := 'before the opening';
        RETURN;
    END IF;
    -- What was recorded well before both times counts, as a sum that its last entry has; then each entry near by.
    v_base_at := least(p_known_at, p_valid_at - c_near);
    v_base := recon.entry_near(p_gateway, p_edition, p_account, p_unit_kind, p_unit, v_base_at);
    value := 0;
    FOR v_entry IN
        SELECT e.recorded_at, e.occurred_at, e.amount, e.running FROM recon_exact.entries AS e
        WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
          AND e.unit_kind = p_unit_kind AND e.unit = p_unit AND e.entry_no >= v_base
        ORDER BY e.entry_no
    LOOP
        IF v_entry.recorded_at <= v_base_at THEN
            value := v_entry.running;
        ELSIF v_entry.recorded_at > p_known_at OR v_entry.recorded_at > p_valid_at + c_near THEN
            EXIT;
        ELSIF v_entry.occurred_at <= p_valid_at THEN
            value := value + v_entry.amount;
        END IF;
    END LOOP;
    IF p_known_at > p_valid_at + c_near THEN
        SELECT value + coalesce(sum(e.amount), 0) INTO value FROM recon_exact.entries AS e
        WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
          AND e.unit_kind = p_unit_kind AND e.unit = p_unit
          AND e.recorded_at - e.occurred_at > interval '00:00:10'
          AND e.recorded_at > p_valid_at + c_near AND e.recorded_at <= p_known_at AND e.occurred_at <= p_valid_at;
    END IF;
    SELECT value - coalesce(sum(e.amount), 0) INTO value FROM recon_exact.entries AS e
    WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
      AND e.unit_kind = p_unit_kind AND e.unit = p_unit
      AND e.occurred_at - e.recorded_at > interval '00:00:10'
      AND e.occurred_at > p_valid_at AND e.recorded_at <= v_base_at;
END $$;

COMMENT ON FUNCTION recon_exact.unit_as_of IS
    'The books of one unit at a time, as known at another: the sum of the entries that happened by p_valid_at and were '
    'recorded by p_known_at, both included; with the opening; null before an opening, with the reason';

REVOKE ALL ON FUNCTION recon_exact.unit_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_exact.unit_as_of TO recon_analyst, recon_service, recon_operator;
