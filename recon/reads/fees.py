"""The fee rates of each account, told by the settings or learned from fills."""

from __future__ import annotations

from typing import Final

from recon.reads.read import Read

FEES: Final = Read(
    name="fees",
    select="SELECT r.* FROM recon_exact.fees_learned AS r",
    filters={
        "gateway": "r.gateway",
        "account": "r.account",
        "unit": "r.fee_asset",
        "since": "r.since",
        "until": "r.since",
    },
    order="r.gateway, r.account, r.market, r.fee_asset, r.order_class, r.side, r.since NULLS FIRST, r.rate",
)
