"""Every unit of every account, assets and contracts alike: what the books say, what is reported, and the verdict."""

from __future__ import annotations

from typing import Final

#: A row for each unit; `rate_usd` of a contract is not known.
UNITS: Final = """
SELECT
    b.gateway, b.account, 'asset' AS unit_kind, b.asset AS unit, b.asset_coinapi AS coinapi, b.balance AS value,
    b.opening, b.fills, b.expected, b.explained, b.reported, b.drift, b.unexplained, b.in_flight, b.rate_usd,
    b.verdict, b.reason, b.inferred, b.observed_at, b.cut_seq, b.open_breaks
FROM recon.balances AS b
UNION ALL
SELECT
    p.gateway, p.account, 'contract', p.symbol, p.symbol_coinapi, p.quantity,
    p.opening, p.fills, p.expected, p.explained, p.reported, p.drift, p.unexplained, p.in_flight, NULL,
    p.verdict, p.reason, p.inferred, p.observed_at, p.cut_seq, p.open_breaks
FROM recon.positions AS p"""
