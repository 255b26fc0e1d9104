"""What somebody who sees only messages could make of a step: the facts that hypotheses are held against."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from recon.exact import ONE
from recon.simulator.fault import UnitKind
from recon.simulator.faults.identifiability import Clue, Sight
from recon.simulator.gateway.account import Account


def worth(account: Account, asset: str) -> Decimal:
    """Return what one of an asset is worth in USD: by the last price of a pair, else by its rate, else 1."""
    rates = {each.code: each.rate_usd or ONE for each in account.plan.assets}
    for each in account.plan.instruments:
        if not each.is_contract and each.base_row == asset:
            return account.market.marks[each.symbol] * rates[each.quote_row]
    return rates[asset]


def sight(account: Account, steps: Mapping[UnitKind, Mapping[str, Decimal]], clues: frozenset[Clue], at: int) -> Sight:
    """Return what can be seen of steps made at a time in ticks; what goes beside them as a fee does not count."""
    plan, ledger = account.plan, account.market.ledger
    beside = None if plan.fees is None else plan.fees.third_asset
    moved, contracts = steps.get("asset", {}), steps.get("contract", {})
    assets = {code: step for code, step in moved.items() if code != beside} or moved
    return Sight(
        assets=assets,
        contracts=contracts,
        clues=clues,
        held=ledger.balances | {symbol: ledger.net(symbol) for symbol in contracts},
        legs=account.doubt.legs(at),
        usd={code: worth(account, code) for code in assets},
        pairs=frozenset(
            frozenset({each.base_row, each.quote_row}) for each in plan.instruments if not each.is_contract
        ),
    )
