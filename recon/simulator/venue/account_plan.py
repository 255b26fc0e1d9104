"""The plan of one account: its balances, its trading, and the format of its messages."""

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
    """One account: its instruments, its opening balances, its traders, and the format of its messages.

    `scripted` are handwritten orders, each at a second of the day. `fees` None: trading is free. `funding_every`
    (seconds) is the funding grid from midnight UTC, also known to the engine. The gateway reports the account from
    `appears_after` seconds of the day until `disappears_after` (None: the end). Outside that time it trades unseen.
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
