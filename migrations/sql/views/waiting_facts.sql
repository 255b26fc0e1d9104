CREATE VIEW recon_exact.waiting_facts AS
SELECT
    w.gateway,
    w.seq,
    w.account,
    w.external_id,
    w.document ->> 'fact' AS fact,
    coalesce(w.document ->> 'unit', w.document ->> 'symbol') AS unit,
    coalesce(w.document ->> 'amount', w.document ->> 'quantity') AS amount,
    w.document ->> 'side' AS side,
    w.document ->> 'occurred_at' AS occurred_at,
    w.usd,
    w.reason,
    w.recorded_at AS told_at,
    w.document -> 'by' ->> 'login' AS login,
    (w.document -> 'by' ->> 'authenticated')::boolean AS authenticated,
    w.document -> 'by' ->> 'name' AS name,
    w.vouched_by,
    w.document ->> 'source' AS source,
    w.document ->> 'text' AS text,
    w.document -> 'file' ->> 'digest' AS file_digest,
    w.document -> 'file' ->> 'usd' AS file_usd,
    w.digest
FROM (
    SELECT f.*, e.recorded_at, convert_from(e.payload, 'UTF8')::json AS document
    FROM recon_store.waiting_facts AS f
    JOIN recon_store.editions AS c ON c.gateway = f.gateway AND c.edition = f.edition AND c.state = 'current'
    JOIN recon_store.log_events AS e ON (e.gateway, e.seq) = (f.gateway, f.seq)
    WHERE f.state = 'waiting'
) AS w;

COMMENT ON VIEW recon_exact.waiting_facts IS
    'Material facts that change nothing until a second person approves them (`recon facts`)';
COMMENT ON COLUMN recon_exact.waiting_facts.gateway IS 'The gateway';
COMMENT ON COLUMN recon_exact.waiting_facts.seq IS 'Log position of the fact';
COMMENT ON COLUMN recon_exact.waiting_facts.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon_exact.waiting_facts.external_id IS 'The statement''s own id, else a digest of the row';
COMMENT ON COLUMN recon_exact.waiting_facts.fact IS
    'deposit, withdrawal, transfer, fee, rebate, funding, interest, reward, conversion, adjustment or trade';
COMMENT ON COLUMN recon_exact.waiting_facts.unit IS 'The asset or contract, as the source writes it; of a trade its symbol';
COMMENT ON COLUMN recon_exact.waiting_facts.amount IS
    'What it would change, in the unit itself, as text; of a trade the quantity';
COMMENT ON COLUMN recon_exact.waiting_facts.side IS 'BUY or SELL of a trade; null: it is no trade';
COMMENT ON COLUMN recon_exact.waiting_facts.occurred_at IS 'When it happened, as the source says';
COMMENT ON COLUMN recon_exact.waiting_facts.usd IS 'What it would change, in USD; null: no value is known';
COMMENT ON COLUMN recon_exact.waiting_facts.reason IS 'Why it needs a second person';
COMMENT ON COLUMN recon_exact.waiting_facts.told_at IS 'Log time at which it was told';
COMMENT ON COLUMN recon_exact.waiting_facts.login IS 'The login that told it, as the database saw it';
COMMENT ON COLUMN recon_exact.waiting_facts.authenticated IS
    'Whether the login is one person''s own; if not, two persons have to approve it';
COMMENT ON COLUMN recon_exact.waiting_facts.name IS 'The name given under the login; null: none';
COMMENT ON COLUMN recon_exact.waiting_facts.vouched_by IS
    'The first person who approved a fact of a shared login; null: nobody yet, or none is needed';
COMMENT ON COLUMN recon_exact.waiting_facts.source IS 'The statement, or where else it is from';
COMMENT ON COLUMN recon_exact.waiting_facts.text IS 'What the person wrote; null: nothing';
COMMENT ON COLUMN recon_exact.waiting_facts.file_digest IS 'Digest of the imported file; null: it is no row of a file';
COMMENT ON COLUMN recon_exact.waiting_facts.file_usd IS
    'What all rows of the file would change, in USD, as text; null: not known, or no file';
COMMENT ON COLUMN recon_exact.waiting_facts.digest IS 'Digest of what it would change; an approval binds to it';

GRANT SELECT ON recon_exact.waiting_facts TO recon_analyst, recon_service, recon_operator;
