-- The same rule as recon.reconciliation.breaks.approval, as far as the current edition is folded; the fold decides in
-- the end. Only the log and tables that no operator can write are read.
CREATE FUNCTION recon_store.is_material(p_gateway text, p_breaks text[], p_now_us bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH known AS MATERIALIZED (
        SELECT t.* FROM recon_store.breaks AS t
        JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
        WHERE t.gateway = p_gateway
    ), named AS (
        SELECT k.*, k.amount_usd * coalesce((k.proposal ->> 'entry')::numeric / nullif(k.amount, 0), 1) AS entry_usd
        FROM known AS k WHERE k.id = ANY (p_breaks)
    ), accounts AS (
        SELECT r.account, coalesce((r.rules ->> 'material_usd')::numeric, 10000) AS most,
               coalesce((r.rules ->> 'cutoff_minute')::bigint, 0) * 60000000 AS cutoff_us
        FROM (
            SELECT n.account, recon_store.account_rules(p_gateway, n.account) AS rules
            FROM (SELECT DISTINCT account FROM named) AS n
        ) AS r
    ), cases AS (
        SELECT bool_or(k.amount_usd IS NULL) OR sum(abs(k.amount_usd)) > a.most AS material
        FROM known AS k JOIN accounts AS a USING (account)
        WHERE k.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
          AND (k.account, k.case_id) IN (SELECT n.account, n.case_id FROM named AS n)
        GROUP BY k.account, k.case_id, a.most
    ), days AS (
        SELECT sum(abs(coalesce(d.usd, 0))) > a.most AS material
        FROM accounts AS a CROSS JOIN LATERAL (
            SELECT n.entry_usd AS usd FROM named AS n WHERE n.account = a.account
            UNION ALL
            SELECT k.amount_usd FROM known AS k WHERE k.account = a.account AND k.state = 'resolved'
              AND ((extract(epoch FROM k.closed_at) * 1000000)::bigint - a.cutoff_us) / 86400000000
                  = (p_now_us - a.cutoff_us) / 86400000000
            UNION ALL
            SELECT k.amount_usd * k.accepted_amount / nullif(k.amount, 0)
            FROM known AS k JOIN recon_store.break_history AS h
                ON (h.gateway, h.edition, h.id, h.event) = (k.gateway, k.edition, k.id, 'accept')
            WHERE k.account = a.account AND k.state = 'accepted'
              AND ((extract(epoch FROM h.at) * 1000000)::bigint - a.cutoff_us) / 86400000000
                  = (p_now_us - a.cutoff_us) / 86400000000
            UNION ALL
            SELECT t.told_usd FROM recon_store.accounts AS t
            JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
            WHERE t.gateway = p_gateway AND t.account = a.account
              AND t.told_day = (p_now_us - a.cutoff_us) / 86400000000
        ) AS d GROUP BY a.account, a.most
    )
    SELECT (SELECT count(*) FROM named) < cardinality(p_breaks)
        OR coalesce((SELECT bool_or(material) FROM cases), true)
        OR coalesce((SELECT bool_or(material) FROM days), true)
$$;

COMMENT ON FUNCTION recon_store.is_material IS
    'Whether approving these breaks needs a second person: by the case, or by what is approved, or told '
    'by one person, of an account in its business day; what has no USD value, or is not folded yet, is material';

REVOKE ALL ON FUNCTION recon_store.is_material FROM PUBLIC;
