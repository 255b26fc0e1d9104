"""What is kept under an asset's own code moves to its balance row, once that row is known. Pure (semantics 3.3).

It moves by visible entries of cause `rehomed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from recon.display.figures import shown
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.fees.fee_key import share_of
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg, Stamp
from recon.ledger.units import REHOMED, Posting, UnitState, post
from recon.times import LogTime


def rehome(ledger: Ledger, account: Account, assets: Iterable[str], at: LogTime) -> None:
    """Move entries kept under an asset's own code to the asset's balance row, once that row is identified."""
    rules = ledger.rules_of(account.name)
    for asset in dict.fromkeys(assets):
        coinapi = account.mappings.unmapped[asset]
        mapping = resolve_asset(asset, coinapi, account.snapshots, rules)
        if not mapping.mapped:
            continue
        account.mappings.remove_unmapped(asset)
        ledger.mark_changed(account)
        source = ledger.units.get((account.name, "asset", asset))
        if source is not None and mapping.unit != asset:
            target = ledger.unit(account.name, "asset", mapping.unit, coinapi)
            move_entries(ledger, account, source, target, kept_amount(source), at)


def kept_amount(source: UnitState) -> Decimal:
    """Return what is kept under an asset's own code: what fills moved, with the fees that were booked beside them.

    Entries that explain breaks of the code's own unit stay.
    """
    balance = source.unit.balance
    return balance.fills if balance.explanation_count else balance.flow


def move_entries(
    ledger: Ledger,
    account: Account,
    source: UnitState,
    target: UnitState,
    amount: Decimal,
    at: LogTime,
    *,
    since_us: int | None = None,
) -> None:
    """Move an amount, and the pairs that moved it, to another unit.

    The comparison of that unit is told of it now; of the fills since a log time, in microseconds, each at its own time.
    """
    account.mappings.rename_unit(source.unit.code, target.unit.code)
    ledger.mark_changed(account)
    if not amount:
        return
    message = f"{shown(amount)} of {source.unit.code} is kept under {target.unit.code} from here on"
    ledger.note_finding(account.name, at, "rehomed", source.unit.code, message)
    fills = [] if since_us is None else list(_fills(account, source, at, since_us))
    left = amount - sum((leg.amount for leg in fills), ZERO)
    for state, moved in ((source, -amount), (target, amount)):
        ledger.record_entry(post(state, Posting(amount=moved, cause=REHOMED, occurred_us=at.us), at), state)
    ledger.effects.legs.append((source, Leg(-amount, Stamp(at.us), at.us)))
    ledger.effects.legs += [(target, leg) for leg in fills]
    if left:
        ledger.effects.legs.append((target, Leg(left, Stamp(at.us), at.us)))


def _fills(account: Account, source: UnitState, at: LogTime, since_us: int) -> Iterator[Leg]:
    """Yield what fills moved since a log time, each at its own time; each may have cost a fee that is not known."""
    rate, resolution_us, timeline = share_of(account.rates.most), account.stamps.resolution_us, source.timeline
    for position in range(timeline.first(), timeline.last() + 1):
        us = timeline.occurred[position]
        if us >= since_us:
            moved = timeline.totals[position] - timeline.totals[position - 1]
            arrived_us = at.us if resolution_us else us
            unknown = rate * abs(timeline.turnovers[position])
            yield Leg(moved, Stamp(us, resolution_us), arrived_us, rounded=True, unmodelled=unknown)
