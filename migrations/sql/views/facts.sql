CREATE VIEW recon_exact.facts AS
SELECT
    t.gateway,
    t.account,
    t.external_id,
    t.fact,
    t.unit_kind,
    t.unit,
    t.amount,
    t.occurred_at,
    t.seq,
    t.recorded_at,
    t.effect,
    t.order_key,
    t.document ->> 'source' AS source,
    t.document ->> 'text' AS text,
    t.document -> 'by' ->> 'login' AS login,
    (t.document -> 'by' ->> 'authenticated')::boolean AS authenticated,
    t.document -> 'by' ->> 'name' AS name,
    t.digest,
    t.approved_seq,
    CASE WHEN a.kind = 'decision' THEN convert_from(a.payload, 'UTF8')::json -> 'by' ->> 'login' END AS approved_by,
    coalesce(
        t.document ->> 'source_class',
        CASE WHEN json_typeof(t.document -> 'file') = 'object' THEN 'venue' ELSE 'person' END
    ) AS source_class
FROM (
    SELECT f.*, e.recorded_at, convert_from(e.payload, 'UTF8')::json AS document
    FROM recon_store.facts AS f
    JOIN recon_store.editions AS c ON c.gateway = f.gateway AND c.edition = f.edition AND c.state = 'current'
    JOIN recon_store.log_events AS e ON (e.gateway, e.seq) = (f.gateway, f.seq)
) AS t
LEFT JOIN recon_store.log_events AS a ON (a.gateway, a.seq) = (t.gateway, t.approved_seq);

COMMENT ON VIEW recon_exact.facts IS 'What people and statements told from outside, and what became of it';
COMMENT ON COLUMN recon_exact.facts.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.facts.account IS
    'The account (EMS exchange_id); a transfer within the gateway stands under both';
COMMENT ON COLUMN recon_exact.facts.external_id IS
    'The statement''s own id, else a digest of the row; the same again changes nothing';
COMMENT ON COLUMN recon_exact.facts.fact IS
    'deposit, withdrawal, transfer, fee, rebate, funding, interest, reward, conversion, adjustment or trade; balance moves nothing';
COMMENT ON COLUMN recon_exact.facts.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.facts.unit IS 'The asset or contract, as the source writes it; of a trade its symbol';
COMMENT ON COLUMN recon_exact.facts.amount IS
    'What it changes, in the unit itself, signed; of a trade the quantity, a sale negative';
COMMENT ON COLUMN recon_exact.facts.occurred_at IS 'When it happened, UTC, as the source says';
COMMENT ON COLUMN recon_exact.facts.seq IS 'Log position at which it became known';
COMMENT ON COLUMN recon_exact.facts.recorded_at IS 'Log time at which it became known';
COMMENT ON COLUMN recon_exact.facts.effect IS
    'What became of it. replaced: it made an entry that was inferred, or told by hand, exact; explained: it '
    'explains a break; booked: it was booked late, see findings; matched: a trade that reports had told; '
    'before_opening: it is part of the opening; compared: a balance that source_checks judges';
COMMENT ON COLUMN recon_exact.facts.order_key IS 'The order that a trade was matched with, as in orders; null: none';
COMMENT ON COLUMN recon_exact.facts.source IS 'The statement, or where else it is from';
COMMENT ON COLUMN recon_exact.facts.text IS 'What the person wrote; null: nothing';
COMMENT ON COLUMN recon_exact.facts.login IS 'The login that recorded it, as the database saw it';
COMMENT ON COLUMN recon_exact.facts.authenticated IS 'Whether the login is one person''s own; if not, name is only asserted';
COMMENT ON COLUMN recon_exact.facts.name IS 'The name given under the login; null: none';
COMMENT ON COLUMN recon_exact.facts.digest IS 'Digest of what it changes, by which a second telling is compared';
COMMENT ON COLUMN recon_exact.facts.approved_seq IS
    'Log position of the second person''s approval, at which it took effect; null: one person''s word was enough';
COMMENT ON COLUMN recon_exact.facts.approved_by IS 'The login of the second person; null: none was needed';
COMMENT ON COLUMN recon_exact.facts.source_class IS
    'Who told it: venue, custodian, chain or person; where a log does not say, a file is a venue''s';

GRANT SELECT ON recon_exact.facts TO recon_analyst, recon_service, recon_operator;
