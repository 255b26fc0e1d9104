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
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
-- What the books have to more digits than other programs read: a unit each. Indexes hold just such rows.
UNION ALL
(
    SELECT DISTINCT ON (t.gateway, t.account, t.unit_kind, t.unit)
        t.gateway,
        t.account,
        t.seq,
        'not_held',
        t.unit,
        format(
            'numeric(38,18) does not hold numbers of the entries of %s, first %s; exact in recon_exact.entries',
            t.unit,
            recon_exact.texts_of(ARRAY['amount', 'running'], ARRAY[t.amount, t.running])
        ),
        -1
    FROM recon_store.entries AS t
    JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
    WHERE NOT (recon_exact.is_held(t.amount) AND recon_exact.is_held(t.running))
    ORDER BY t.gateway, t.account, t.unit_kind, t.unit, t.entry_no
)
UNION ALL
(
    SELECT DISTINCT ON (t.gateway, t.account, t.symbol)
        t.gateway,
        t.account,
        t.seq,
        'not_held',
        t.symbol,
        format(
            'numeric(38,18) does not hold numbers of the fills of %s, first %s; exact in recon_exact.fills',
            t.symbol,
            recon_exact.texts_of(ARRAY['price', 'amount', 'cash'], ARRAY[t.price, t.amount, t.cash])
        ),
        -2
    FROM recon_store.fills AS t
    JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
    WHERE NOT (recon_exact.is_held(t.price) AND recon_exact.is_held(t.amount) AND recon_exact.is_held(t.cash))
    ORDER BY t.gateway, t.account, t.symbol, t.seq, t.order_key, t.ordinal
)
UNION ALL
(
    SELECT DISTINCT ON (t.gateway, t.account, t.unit_kind, t.unit)
        t.gateway,
        t.account,
        t.seq,
        'not_held',
        t.unit,
        format(
            'numeric(38,18) does not hold numbers of the observations of %s, first %s; exact in recon_exact.observations',
            t.unit,
            recon_exact.texts_of(ARRAY['reported', 'expected', 'explained'], ARRAY[t.reported, t.expected, t.explained])
        ),
        -3
    FROM recon_store.observations AS t
    JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'
    WHERE NOT (recon_exact.is_held(t.reported) AND recon_exact.is_held(t.expected) AND recon_exact.is_held(t.explained))
    ORDER BY t.gateway, t.account, t.unit_kind, t.unit, t.seq
);

COMMENT ON VIEW recon.findings IS
    'Discrepancies in the data itself: what could not be read, contradicts the protocol or itself, or has '
    'more digits than numeric(38,18) holds';
COMMENT ON COLUMN recon.findings.gateway IS 'The gateway';
COMMENT ON COLUMN recon.findings.account IS 'The account that it concerns; null: none is known';
COMMENT ON COLUMN recon.findings.seq IS 'Log position of the event that it was found in';
COMMENT ON COLUMN recon.findings.kind IS 'What kind of discrepancy';
COMMENT ON COLUMN recon.findings.about IS 'What it concerns: an order, an asset, a field; may be empty';
COMMENT ON COLUMN recon.findings.message IS 'What was found, in words';
COMMENT ON COLUMN recon.findings.number IS
    '1, 2, 3 … among the findings at this position; below 0 where a unit is first not_held';

GRANT SELECT ON recon.findings TO recon_analyst, recon_service, recon_operator;
