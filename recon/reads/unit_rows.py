"""Every unit of every account, assets and contracts alike: what the books say, what is reported, and the verdict."""

from __future__ import annotations

from typing import Final

from recon.reads.as_of import ARGUMENTS, AsOf

#: A row for each unit; `rate_usd` of a contract is not known.
UNITS: Final = """
SELECT
    b.gateway, b.account, 'asset' AS unit_kind, b.asset AS unit, b.asset_coinapi AS coinapi, b.balance AS value,
    b.opening, b.fills, b.expected, b.explained, b.reported, b.drift, b.unexplained, b.in_flight, b.rate_usd,
    b.verdict, b.reason, b.inferred, b.observed_at, b.cut_seq, b.open_breaks, b.agreed_source, b.agreed_source_at
FROM recon_exact.balances AS b
UNION ALL
SELECT
    p.gateway, p.account, 'contract', p.symbol, p.symbol_coinapi, p.quantity,
    p.opening, p.fills, p.expected, p.explained, p.reported, p.drift, p.unexplained, p.in_flight, NULL,
    p.verdict, p.reason, p.inferred, p.observed_at, p.cut_seq, p.open_breaks, p.agreed_source, p.agreed_source_at
FROM recon_exact.positions AS p"""
#: The same as of a past time: rates, what was in flight, and which source agreed are not kept.
PAST_UNITS: Final = f"""
SELECT
    f.gateway, f.account, f.unit_kind, f.unit, f.coinapi, f.value,
    f.opening, f.fills, f.expected, f.explained, f.reported, f.drift, f.unexplained, NULL::numeric AS in_flight,
    NULL::numeric AS rate_usd, f.verdict, f.reason, NULL::boolean AS inferred, f.observed_at, f.cut_seq, f.open_breaks,
    NULL::text AS agreed_source, NULL::timestamptz AS agreed_source_at
FROM recon_exact.units_as_of{ARGUMENTS} AS f"""  # noqa: S608 - ours


def units_of(as_of: AsOf) -> str:
    """Return the SQL of all units of a time."""
    return PAST_UNITS if as_of.is_past else UNITS
