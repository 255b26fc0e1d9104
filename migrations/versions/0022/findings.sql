CREATE VIEW recon.findings AS
SELECT
    t.gateway,
    t.account,
    t.seq,
    t.kind,
    t.about,
    t.message,
    t.number
FROM recon_store.findings AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon.findings IS
    'Discrepancies in the data itself: what could not be read, or contradicts the protocol or itself';
COMMENT ON COLUMN recon.findings.gateway IS 'The gateway';
COMMENT ON COLUMN recon.findings.account IS 'The account that it concerns; null: none is known';
COMMENT ON COLUMN recon.findings.seq IS 'Log position of the event that it was found in';
COMMENT ON COLUMN recon.findings.kind IS 'What kind of discrepancy';
COMMENT ON COLUMN recon.findings.about IS 'What it concerns: an order, an asset, a field; may be empty';
COMMENT ON COLUMN recon.findings.message IS 'What was found, in words';
COMMENT ON COLUMN recon.findings.number IS '1, 2, 3 … among the findings at this position';

GRANT SELECT ON recon.findings TO recon_analyst, recon_service, recon_operator;
