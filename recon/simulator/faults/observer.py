"""The visible evidence of a step for an observer who has only the messages."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from recon.exact import ONE
from recon.simulator.fault import UnitKind
from recon.simulator.faults.identifiability import Clue, StepView
from recon.simulator.gateway.account import Account


def usd_price(account: Account, asset: str) -> Decimal:
    """Return the USD price of an asset: the last price of a pair, else its rate, else 1."""
    rates = {asset.code: asset.rate_usd or ONE for asset in account.plan.assets}
    for instrument in account.plan.instruments:
        if not instrument.is_contract and instrument.base_row == asset:
            return account.market.marks[instrument.symbol] * rates[instrument.quote_row]
    return rates[asset]


def view_of_step(
    account: Account, steps: Mapping[UnitKind, Mapping[str, Decimal]], clues: frozenset[Clue], at: int
) -> StepView:
    """Return the view of steps made at a time in ticks, without a fee in a third asset."""
    plan, ledger = account.plan, account.market.ledger
    fee_row = None if plan.fees is None else plan.fees.third_asset
    moved, contracts = steps.get("asset", {}), steps.get("contract", {})
    assets = {code: step for code, step in moved.items() if code != fee_row} or moved
    return StepView(
        assets=assets,
        contracts=contracts,
        clues=clues,
        held=ledger.balances | {symbol: ledger.net(symbol) for symbol in contracts},
        legs=account.uncertainty.legs(at),
        usd={code: usd_price(account, code) for code in assets},
        pairs=frozenset(
            frozenset({instrument.base_row, instrument.quote_row})
            for instrument in plan.instruments
            if not instrument.is_contract
        ),
    )
