"""What people accept counts like what they approve, what they tell by hand is found again, and they see the service.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As in 0006, but that to live with a material break is proposed like an entry: what was accepted in an account's day
# counts too (@accepted), and whoever asked for it proposed it (@proposing).
MATERIAL = """
CREATE OR REPLACE FUNCTION recon_store.is_material(p_gateway text, p_breaks text[], p_now_us bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH known AS MATERIALIZED (
        SELECT t.* FROM recon_store.breaks AS t @current WHERE t.gateway = p_gateway
    ), named AS (
        SELECT k.*, k.amount_usd * coalesce((k.proposal ->> 'entry')::numeric / nullif(k.amount, 0), 1) AS entry_usd
        FROM known AS k WHERE k.id = ANY (p_breaks)
    ), accounts AS (
        SELECT n.account, coalesce((r.rules ->> 'material_usd')::numeric, 10000) AS most,
               coalesce((r.rules ->> 'cutoff_minute')::bigint, 0) * 60000000 AS cutoff_us
        FROM (SELECT DISTINCT account FROM named) AS n
        CROSS JOIN LATERAL (SELECT recon_store.account_rules(p_gateway, n.account) AS rules) AS r
    ), cases AS (
        SELECT bool_or(k.amount_usd IS NULL) OR sum(abs(k.amount_usd)) > a.most AS material
        FROM known AS k JOIN accounts AS a USING (account)
        WHERE k.state IN @active AND (k.account, k.case_id) IN (SELECT n.account, n.case_id FROM named AS n)
        GROUP BY k.account, k.case_id, a.most
    ), days AS (
        SELECT sum(abs(coalesce(d.usd, 0))) > a.most AS material
        FROM accounts AS a CROSS JOIN LATERAL (
            SELECT n.entry_usd AS usd FROM named AS n WHERE n.account = a.account
            UNION ALL
            SELECT k.amount_usd FROM known AS k WHERE k.account = a.account AND k.state = 'resolved'
              AND ((extract(epoch FROM k.closed_at) * 1000000)::bigint - a.cutoff_us) / 86400000000
                  = (p_now_us - a.cutoff_us) / 86400000000@accepted
        ) AS d GROUP BY a.account, a.most
    )
    SELECT (SELECT count(*) FROM named) < cardinality(p_breaks)
        OR coalesce((SELECT bool_or(material) FROM cases), true)
        OR coalesce((SELECT bool_or(material) FROM days), true)
$$
"""
ACCEPTED = """
            UNION ALL
            SELECT k.amount_usd * k.accepted_amount / nullif(k.amount, 0)
            FROM known AS k JOIN recon_store.break_history AS h
                ON (h.gateway, h.edition, h.id, h.event) = (k.gateway, k.edition, k.id, 'accept')
            WHERE k.account = a.account AND k.state = 'accepted'
              AND ((extract(epoch FROM h.at) * 1000000)::bigint - a.cutoff_us) / 86400000000
                  = (p_now_us - a.cutoff_us) / 86400000000"""

PROPOSERS = """
CREATE OR REPLACE FUNCTION recon_store.proposers(p_gateway text, p_breaks text[], p_digest text) RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH proposals AS MATERIALIZED (
        SELECT d.seq, d.document FROM (
            SELECT e.seq, @decision AS document FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway AND e.kind = 'decision'
        ) AS d
        WHERE d.document ->> 'action' IN @proposing AND d.document -> 'breaks' ?| p_breaks
    )
    SELECT p.document -> 'by' FROM proposals AS p WHERE p.document ->> 'digest' = p_digest
    UNION ALL
    SELECT l.by FROM unnest(p_breaks) AS n(id) CROSS JOIN LATERAL (
        SELECT p.document -> 'by' AS by FROM proposals AS p
        WHERE p.document -> 'breaks' ? n.id ORDER BY p.seq DESC LIMIT 1
    ) AS l
    WHERE NOT EXISTS (SELECT FROM proposals AS p WHERE p.document ->> 'digest' = p_digest)
$$
"""

# Entries that follow from facts which people told without an id of a statement (recon.ledger.external_facts.BY_HAND).
TOLD = "CREATE INDEX ix_entries_told ON recon_store.entries (cause, occurred_at) WHERE fact LIKE 'told:%'"

MEANINGS = {
    "alerts.event": "break.opened, break.cleared, break.explained, break.resolved, break.reopened or"
    " break.acceptance_expired",
    "facts.effect": "What became of it. replaced: it made an entry that was inferred, or told by hand, exact;"
    " explained: it explains a break; booked: it was booked late, see findings; matched: a trade that reports had told;"
    " before_opening: it is part of the opening",
    "break_history.event": "What happened. Derived: pending, opened, cleared, dismissed, offset, caused, explained,"
    " reduced, expired; decided by people: assign, comment, investigate, propose, approve, reject, accept, reopen. An"
    " acceptance that is material is a propose, and an accept once somebody else has approved it",
}
PROPOSAL = (
    "What is proposed, or was approved, as JSON {digest, cause, entry, evidence, login, authenticated, seq}; with"
    " until_us (microseconds since 1970) it is to be accepted until that log time, up to a drift of entry; null:"
    " nothing"
)


def run(statement: str, accepted: str, proposing: str) -> None:
    words = {
        "@accepted": accepted,
        "@proposing": proposing,
        "@active": "('open', 'assigned', 'investigating', 'proposed', 'accepted')",
        "@current": "JOIN recon_store.editions AS c"
        " ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'",
        # The CASE keeps any other payload from being read at all.
        "@decision": "CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END",
    }
    for word, meaning in words.items():
        statement = statement.replace(word, meaning)
    op.execute(statement)


def comment(column: str, meaning: str) -> None:
    op.execute(f"COMMENT ON COLUMN recon.{column} IS '{meaning}'".replace(":", "\\:"))


def upgrade() -> None:
    for statement in (MATERIAL, PROPOSERS):
        run(statement, ACCEPTED, "('propose', 'accept')")
    op.execute("GRANT SELECT ON recon_store.service_parts TO recon_operator")
    op.execute(TOLD.replace(":", "\\:"))
    for column, meaning in MEANINGS.items():
        comment(column, meaning)
    for view in ("breaks", "open_breaks"):
        comment(f"{view}.proposal", PROPOSAL)


def downgrade() -> None:
    """Take it back, but for the comments: what they name does not occur before."""
    op.execute("DROP INDEX recon_store.ix_entries_told")
    op.execute("REVOKE SELECT ON recon_store.service_parts FROM recon_operator")
    for statement in (MATERIAL, PROPOSERS):
        run(statement, "", "('propose')")
