CREATE VIEW recon.units AS
SELECT
    u.gateway,
    u.account,
    u.unit_kind,
    u.unit,
    u.coinapi,
    a.venue_account,
    u.edition
FROM recon_store.units AS u
JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
LEFT JOIN recon_store.accounts AS a ON (a.gateway, a.edition, a.account) = (u.gateway, u.edition, u.account);

COMMENT ON VIEW recon.units IS
    'Which assets and contracts there are of each account, without any figures: see balances, positions, units_as_of';
COMMENT ON COLUMN recon.units.gateway IS 'The gateway';
COMMENT ON COLUMN recon.units.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.units.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon.units.unit IS 'asset_id_exchange of an asset, symbol_id_exchange of a contract';
COMMENT ON COLUMN recon.units.coinapi IS 'CoinAPI''s id of the asset or symbol; null: not known';
COMMENT ON COLUMN recon.units.venue_account IS
    'The venue''s own name of the account, as in accounts: the firm''s totals count it once; null: none is told';
COMMENT ON COLUMN recon.units.edition IS 'The folding of the log that it belongs to; a rebuild makes another';

GRANT SELECT ON recon.units TO recon_analyst, recon_service, recon_operator;
