CREATE FUNCTION recon.entry_near(
    p_gateway text, p_edition integer, p_account text, p_unit_kind text, p_unit text, p_at timestamptz)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 200 AS $$
DECLARE
    -- How near is near enough, in entries: whoever asks reads on from there.
    c_near CONSTANT bigint := 8;
    v_low bigint := 0;
    v_low_at timestamptz;
    v_high bigint;
    v_high_at timestamptz;
    v_guess bigint;
    v_guess_at timestamptz;
    v_turn integer := 0;
BEGIN
    -- Entries are numbered 1, 2, 3 … in the order of knowledge, so their times never go back.
    SELECT e.entry_no, e.recorded_at INTO v_high, v_high_at FROM recon_exact.entries AS e
    WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
      AND e.unit_kind = p_unit_kind AND e.unit = p_unit
    ORDER BY e.entry_no DESC LIMIT 1;
    IF v_high IS NULL OR v_high_at <= p_at THEN
        RETURN coalesce(v_high, 0);
    END IF;
    WHILE v_high - v_low > c_near LOOP
        -- Where times are even, the place is guessed: a probe on either side of the guess. Else halving finds it.
        v_guess := CASE
            WHEN v_low = 0 THEN 1
            WHEN v_turn % 3 = 0 OR v_high_at <= v_low_at THEN (v_low + v_high) / 2
            ELSE v_low + floor(
                (v_high - v_low) * (extract(epoch FROM p_at - v_low_at) / extract(epoch FROM v_high_at - v_low_at))
            )::bigint + CASE v_turn % 3 WHEN 1 THEN -c_near / 2 ELSE c_near / 2 END
        END;
        v_guess := greatest(v_low + 1, least(v_high - 1, v_guess));
        SELECT e.recorded_at INTO v_guess_at FROM recon_exact.entries AS e
        WHERE e.gateway = p_gateway AND e.edition = p_edition AND e.account = p_account
          AND e.unit_kind = p_unit_kind AND e.unit = p_unit AND e.entry_no = v_guess;
        IF v_guess_at <= p_at THEN
            v_low := v_guess;
            v_low_at := v_guess_at;
        ELSE
            v_high := v_guess;
            v_high_at := v_guess_at;
            EXIT WHEN v_high = 1;
        END IF;
        v_turn := v_turn + 1;
    END LOOP;
    RETURN v_low;
END $$;

COMMENT ON FUNCTION recon.entry_near IS
    'The number of an entry of a unit that was recorded by a time, as entry_no in entries: the last such one, or one of '
    'the eight before it; 0: the first one may be the next';

REVOKE ALL ON FUNCTION recon.entry_near FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.entry_near TO recon_analyst, recon_service, recon_operator;
