"""The plan of one account: what it holds and trades, and how its messages look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from recon.simulator.habits import Habits
from recon.simulator.instruments import Asset, Instrument, OpeningPosition
from recon.simulator.venue.fees import Fees
from recon.simulator.venue.flow import Script, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """One account: what it may trade, what it holds, who trades, and how its messages look.

    `scripted` are orders written by hand, each at its seconds of the day. `fees` None: trading is free.
    `funding_every` (seconds) is the grid, from midnight UTC on, that the engine is told. The gateway speaks of the
    account from `appears_after` seconds of the day until `disappears_after` (None: to the end); meanwhile, and
    unseen, the account lives on.
    """

    account: str
    assets: tuple[Asset, ...]
    instruments: tuple[Instrument, ...]
    balances: Mapping[str, Decimal]
    positions: tuple[OpeningPosition, ...] = ()
    streams: tuple[Stream, ...] = ()
    scripted: tuple[tuple[float, Script], ...] = ()
    habits: Habits = field(default_factory=Habits)
    fees: Fees | None = None
    funding_every: float | None = None
    appears_after: float = 0.0
    disappears_after: float | None = None
