"""The firm's totals over all gateways and accounts."""

from __future__ import annotations

from typing import Final

from recon.reads.read import Read

FIRM_BALANCES: Final = Read(
    name="firm balances",
    select="SELECT t.* FROM recon_exact.firm_balances AS t",
    filters={"unit": "t.asset", "verdict": "t.verdict"},
    order="t.asset, t.asset_coinapi",
)
FIRM_POSITIONS: Final = Read(
    name="firm positions",
    select="SELECT t.* FROM recon_exact.firm_positions AS t",
    filters={"unit": "t.symbol", "verdict": "t.verdict"},
    order="t.symbol, t.symbol_coinapi, t.exchange",
)
