CREATE VIEW recon_exact.firm_balances AS
WITH rows AS (
    SELECT
        u.*,
        -- Where the CoinAPI code is known, rows of all the EMS's codes for it are added up.
        CASE WHEN u.asset_coinapi IS NULL THEN u.asset END AS code,
        u.asset_coinapi AS coinapi,
        NULL::text AS exchange,
        coalesce(a.state = 'covered', false) AS covered,
        CASE WHEN u.venue_account IS NULL THEN u.gateway END AS own_gateway,
        CASE WHEN u.venue_account IS NULL THEN u.account END AS own_account
    FROM recon_exact.balances AS u
    LEFT JOIN recon.accounts AS a ON (a.gateway, a.account) = (u.gateway, u.account)
), seen AS (
    SELECT r.*, max(r.observed_at) OVER (PARTITION BY r.gateway, r.account, r.code, r.coinapi, r.exchange) AS seen_at
    FROM rows AS r
), ranked AS (
    -- Of the accounts that one venue account is known by, one is counted: the best observed. All its rows count, for
    -- an account may hold an asset under several codes.
    SELECT
        s.*,
        dense_rank() OVER (
            PARTITION BY s.venue_account, s.own_gateway, s.own_account, s.code, s.coinapi, s.exchange
            ORDER BY s.covered DESC, s.seen_at DESC NULLS LAST, s.gateway, s.account
        ) AS place
    FROM seen AS s
)
-- A sum is known only where all its parts are.
SELECT
    coalesce(k.coinapi, k.code) AS asset,
    k.coinapi AS asset_coinapi,
    CASE WHEN bool_and(k.balance IS NOT NULL) FILTER (WHERE k.place = 1)
        THEN sum(k.balance) FILTER (WHERE k.place = 1)
    END AS balance,
    -- Nobody reports a rate of USD, which all rates are in.
    CASE
        WHEN bool_and(
            k.balance * coalesce(k.rate_usd, CASE WHEN coalesce(k.coinapi, k.code) = 'USD' THEN 1 END) IS NOT NULL
        ) FILTER (WHERE k.place = 1)
        THEN sum(
            k.balance * coalesce(k.rate_usd, CASE WHEN coalesce(k.coinapi, k.code) = 'USD' THEN 1 END)
        ) FILTER (WHERE k.place = 1)
    END AS balance_usd,
    CASE WHEN bool_and(k.reported IS NOT NULL) FILTER (WHERE k.place = 1)
        THEN sum(k.reported) FILTER (WHERE k.place = 1)
    END AS reported,
    CASE WHEN bool_and(k.drift IS NOT NULL) FILTER (WHERE k.place = 1)
        THEN sum(k.drift) FILTER (WHERE k.place = 1)
    END AS drift,
    CASE WHEN bool_and(k.unexplained IS NOT NULL) FILTER (WHERE k.place = 1)
        THEN sum(k.unexplained) FILTER (WHERE k.place = 1)
    END AS unexplained,
    count(DISTINCT (k.gateway, k.account)) FILTER (WHERE k.place = 1) AS accounts,
    count(*) FILTER (WHERE k.place > 1) AS same_account,
    (array_agg(k.verdict ORDER BY array_position(
        ARRAY['break', 'stale', 'unobserved', 'unmodelled', 'pending', 'agreed'],
        k.verdict
    )) FILTER (WHERE k.place = 1))[1] AS verdict,
    min(k.observed_at) FILTER (WHERE k.place = 1) AS observed_at,
    coalesce(sum(k.open_breaks) FILTER (WHERE k.place = 1), 0)::bigint AS open_breaks
FROM ranked AS k
GROUP BY k.code, k.coinapi, k.exchange;

COMMENT ON VIEW recon_exact.firm_balances IS
    'The firm''s holdings of each asset over all gateways; an account that two gateways show counts once';
COMMENT ON COLUMN recon_exact.firm_balances.asset IS
    'The asset: its asset_id_coinapi, or the EMS''s own code where it has none';
COMMENT ON COLUMN recon_exact.firm_balances.asset_coinapi IS
    'The EMS''s asset_id_coinapi; null: not known, the code alone tells';
COMMENT ON COLUMN recon_exact.firm_balances.balance IS
    'What the books say is held now over all gateways, in the asset, signed; null: of one account it is not known';
COMMENT ON COLUMN recon_exact.firm_balances.balance_usd IS
    'The same in USD at the last rates reported, USD itself at one; null: one of the rates is not known (not zero)';
COMMENT ON COLUMN recon_exact.firm_balances.reported IS
    'Sum of the latest amounts that the EMS reported, signed; null: one of them is not known';
COMMENT ON COLUMN recon_exact.firm_balances.drift IS 'Sum of reported - expected, signed; null: one of them is not known';
COMMENT ON COLUMN recon_exact.firm_balances.unexplained IS
    'Sum of what of the drift is not explained, signed; null: one of them is not known';
COMMENT ON COLUMN recon_exact.firm_balances.accounts IS 'How many accounts it is the total of';
COMMENT ON COLUMN recon_exact.firm_balances.same_account IS
    'How many rows were left out because they are of the same account, seen through another gateway or under '
    'another name: of the accounts of one venue_account the one counts that is covered, then the one observed last';
COMMENT ON COLUMN recon_exact.firm_balances.verdict IS
    'The worst of the rows that count: break, stale, unobserved, unmodelled, pending, agreed';
COMMENT ON COLUMN recon_exact.firm_balances.observed_at IS
    'Log time of the oldest observation that counts; null: never observed';
COMMENT ON COLUMN recon_exact.firm_balances.open_breaks IS 'How many open breaks the rows that count have';

GRANT SELECT ON recon_exact.firm_balances TO recon_analyst, recon_service, recon_operator;
