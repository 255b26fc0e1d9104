CREATE VIEW recon.closes AS
SELECT
    s.gateway,
    s.account,
    s.day::date AS business_day,
    s.seq,
    CASE
        WHEN s.restated_by IS NOT NULL THEN 'restated'
        WHEN n.seq IS NOT NULL THEN 'signed'
        ELSE 'waiting'
    END AS state,
    (s.document ->> 'clean')::boolean AS clean,
    (s.document ->> 'whole')::boolean AS covered_throughout,
    s.accept_gaps,
    s.document -> 'reasons' AS reasons,
    (s.document ->> 'opens_at')::timestamptz AS opens_at,
    (s.document ->> 'cut_off')::timestamptz AS cut_off,
    (s.document ->> 'known_seq')::bigint AS known_seq,
    s.document ->> 'head' AS head,
    s.digest,
    s.login AS signed_by,
    s.recorded_at AS signed_at,
    s.text,
    n.login AS second_by,
    n.recorded_at AS second_at,
    n.seq AS second_seq,
    n.text AS second_text,
    s.restates,
    s.restated_by,
    s.document
FROM (
    SELECT x.*, lead(x.seq) OVER (PARTITION BY x.gateway, x.account, x.day ORDER BY x.seq) AS restated_by
    FROM recon_store.close_signatures AS x
    WHERE x.action = 'sign_close'
) AS s
LEFT JOIN (
    SELECT DISTINCT ON (x.gateway, x.signs) x.gateway, x.signs, x.seq, x.login, x.recorded_at, x.text
    FROM recon_store.close_signatures AS x
    WHERE x.action = 'countersign_close'
    ORDER BY x.gateway, x.signs, x.seq
) AS n ON n.gateway = s.gateway AND n.signs = s.seq AND n.login <> s.login;

COMMENT ON VIEW recon.closes IS
    'Closings of accounts'' business days that people signed; a day that nobody signed has no row';
COMMENT ON COLUMN recon.closes.gateway IS 'The gateway in whose log it is';
COMMENT ON COLUMN recon.closes.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.closes.business_day IS 'The business day that it closes';
COMMENT ON COLUMN recon.closes.seq IS 'Log position of the first signature';
COMMENT ON COLUMN recon.closes.state IS
    'waiting: one login has signed; signed: a second one too; restated: a later closing stands in its place';
COMMENT ON COLUMN recon.closes.clean IS
    'Whether the account was covered throughout, every unit judged and agreed, and no break open';
COMMENT ON COLUMN recon.closes.covered_throughout IS
    'Whether the account was observed throughout the day, or what a gap hid was made up for';
COMMENT ON COLUMN recon.closes.accept_gaps IS 'Whether whoever signed accepted that it was not covered throughout';
COMMENT ON COLUMN recon.closes.reasons IS 'Why it is not clean, as a JSON list of text; empty: it is clean';
COMMENT ON COLUMN recon.closes.opens_at IS 'The cut-off of the former business day, UTC';
COMMENT ON COLUMN recon.closes.cut_off IS 'The cut-off, UTC: what happened from then on belongs to the next day';
COMMENT ON COLUMN recon.closes.known_seq IS 'Log position up to which the log was known: all that it rests on';
COMMENT ON COLUMN recon.closes.head IS 'The digest of the log at that position, in hex';
COMMENT ON COLUMN recon.closes.digest IS 'The digest of the document, in hex: what the signatures bind to';
COMMENT ON COLUMN recon.closes.signed_by IS 'The login that signed first, as the database saw it';
COMMENT ON COLUMN recon.closes.signed_at IS 'Log time of the first signature';
COMMENT ON COLUMN recon.closes.text IS 'What it wrote; null: nothing';
COMMENT ON COLUMN recon.closes.second_by IS 'The login that signed second, never the first one; null: nobody yet';
COMMENT ON COLUMN recon.closes.second_at IS 'Log time of the second signature; null: nobody yet';
COMMENT ON COLUMN recon.closes.second_seq IS 'Log position of the second signature; null: nobody yet';
COMMENT ON COLUMN recon.closes.second_text IS 'What it wrote; null: nothing';
COMMENT ON COLUMN recon.closes.restates IS
    'Log position of the closing in whose place this one stands, because a later fact changed it; null: none';
COMMENT ON COLUMN recon.closes.restated_by IS 'Log position of the closing that stands in its place; null: none';
COMMENT ON COLUMN recon.closes.document IS 'What was signed, as JSON; its lines are in close_lines';

GRANT SELECT ON recon.closes TO recon_analyst, recon_service, recon_operator;
