"""Units: what is held of each asset and contract, what is reported, and whether the two agree."""

from __future__ import annotations

from typing import Final

from recon.reads.read import Read, with_past

_FILTERS: Final = {
    "gateway": "u.gateway",
    "account": "u.account",
    "verdict": "u.verdict",
    "since": "u.observed_at",
    "until": "u.observed_at",
}
#: The open cases of a unit.
_CASES: Final = """(
        SELECT array_agg(DISTINCT b.case_id)
        FROM recon_exact.open_breaks AS b
        WHERE (b.gateway, b.account, b.unit_kind, b.unit) = (u.gateway, u.account, '{kind}', u.{unit})
    ) AS cases"""

BALANCES: Final = with_past(
    Read(
        name="balances",
        select="SELECT u.* FROM recon_exact.balances AS u",
        filters={**_FILTERS, "unit": "u.asset"},
        order="u.gateway, u.account, u.asset",
    )
)
POSITIONS: Final = with_past(
    Read(
        name="positions",
        select="SELECT u.* FROM recon_exact.positions AS u",
        filters={**_FILTERS, "unit": "u.symbol"},
        order="u.gateway, u.account, u.symbol",
    )
)
#: The same with what a person looks at besides: the drift's worth where there is drift, and the cases. Rates are not
#: kept, so the past has no worth.
SHOWN_BALANCES: Final = Read(
    name="balances",
    select=f"""
SELECT
    u.*,
    CASE WHEN u.drift <> 0 THEN u.drift * u.rate_usd END AS drift_usd,
    {_CASES.format(kind="asset", unit="asset")}
FROM recon_exact.balances AS u""",  # noqa: S608 - names of our own
    filters=BALANCES.filters,
    order=BALANCES.order,
    past=BALANCES.past,
)
SHOWN_POSITIONS: Final = Read(
    name="positions",
    select=f"""
SELECT
    u.*,
    {_CASES.format(kind="contract", unit="symbol")}
FROM recon_exact.positions AS u""",  # noqa: S608 - names of our own
    filters=POSITIONS.filters,
    order=POSITIONS.order,
    past=POSITIONS.past,
)
