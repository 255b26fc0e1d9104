CREATE FUNCTION recon.balances_as_of(valid_at timestamptz, known_at timestamptz DEFAULT now())
RETURNS TABLE (
    gateway text, account text, asset text, asset_coinapi text, balance numeric, opening numeric, fills numeric,
    expected numeric, explained numeric, reported numeric, drift numeric, unexplained numeric, verdict text,
    observed_at timestamptz, cut_seq bigint, reason text, open_breaks bigint, venue_account text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        u.gateway, u.account, u.unit, u.coinapi, u.value, u.opening, u.fills, u.expected, u.explained, u.reported,
        u.drift, u.unexplained, u.verdict, u.observed_at, u.cut_seq, u.reason, u.open_breaks, u.venue_account
    FROM recon.units_as_of(balances_as_of.valid_at, balances_as_of.known_at) AS u
    WHERE u.unit_kind = 'asset'
$$;

COMMENT ON FUNCTION recon.balances_as_of IS
    'One row per asset and account that was known by then, as balances would have shown it: the books at valid_at as known at known_at (null: '
    'now), and the last observation of until then as judged by then. balance is null before an opening, see reason; '
    'the other columns are as in units_as_of';

REVOKE ALL ON FUNCTION recon.balances_as_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon.balances_as_of TO recon_analyst, recon_service, recon_operator;
