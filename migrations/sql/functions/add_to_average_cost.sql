CREATE FUNCTION recon_store.add_to_average_cost(
    p_state numeric[], p_bought boolean, p_amount numeric, p_cash numeric
) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_held numeric := p_state[1];
    v_cost numeric := p_state[2];
    v_sold numeric;
    v_released numeric;
    v_proceeds numeric;
BEGIN
    IF p_bought THEN
        RETURN ARRAY[v_held + p_amount, v_cost - p_cash, 0, 0];
    END IF;
    -- What a report tells beyond what was told of a sale before may be cash alone.
    IF p_amount = 0 THEN
        RETURN ARRAY[v_held, v_cost, p_cash, 0];
    END IF;
    v_sold := least(p_amount, v_held);
    IF v_sold = 0 THEN
        RETURN ARRAY[v_held, v_cost, NULL, p_amount];
    END IF;
    -- A division has as many digits as its dividend, so that only the last step rounds.
    v_released := v_cost;
    IF v_sold < v_held THEN
        v_released := round(round(v_cost * v_sold, greatest(36, scale(v_cost * v_sold))) / v_held, 12);
    END IF;
    v_proceeds := p_cash;
    IF v_sold < p_amount THEN
        v_proceeds := round(round(p_cash * v_sold, greatest(36, scale(p_cash * v_sold))) / p_amount, 12);
    END IF;
    RETURN ARRAY[
        v_held - v_sold,
        CASE WHEN v_sold = v_held THEN 0 ELSE v_cost - v_released END,
        v_proceeds - v_released,
        p_amount - v_sold
    ];
END $$;

COMMENT ON FUNCTION recon_store.add_to_average_cost IS
    'One fill added to a holding at average cost: what is held, its cost, what the fill realised (null: not known), and '
    'how much of it was sold without a known cost. Cash is signed; shares are rounded to 12 digits, half away from zero';

REVOKE ALL ON FUNCTION recon_store.add_to_average_cost FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.add_to_average_cost TO recon_analyst, recon_service, recon_operator;
