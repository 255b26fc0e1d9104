"""Rules: settlement windows, tolerances, aliases, pools, fee schedules and contract terms. Pure.

Changed rules enter the log as an event of kind `rules`, so a rebuild decides as the live run did (architecture 2.4).
`recon.config.rules_document` writes the document.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.documents import reader
from recon.source_class import IndependentSource

DEFAULT_WINDOW_US: Final = 5_000_000
#: An account whose last heartbeat is older is not observed (protocol 4: a heartbeat comes every second).
HEARTBEAT_BOUND_US: Final = 10_000_000
#: A longer silence of the log is a hole that no window counts (semantics 9.4); ticks come every 10 s at the latest.
HOLE_US: Final = 15_000_000
#: A chain of mismatches becomes a break after this many windows (semantics 5.3).
CHAIN_WINDOWS: Final = 4
#: Most quanta, net and per day, that a unit books as rounding by itself (semantics 6).
ROUNDING_QUANTA_PER_DAY: Final = 100
#: Defaults: the largest fee learned, as a share of turnover, and the material amount in USD.
DEFAULT_LEARNED_FEE: Final = Decimal("0.006")
DEFAULT_MATERIAL_USD: Final = Decimal(10_000)
#: How old an independent source's word may be, by default: a day, and two hours for its file to come.
DEFAULT_SOURCE_AGE_US: Final = 26 * 3_600_000_000


class Tolerance(msgspec.Struct, frozen=True):
    """Configured tolerance; the largest of the three values and the computed tolerance applies (semantics 6)."""

    absolute: Decimal = ZERO
    relative: Decimal = ZERO
    usd: Decimal = ZERO


class UnitRules(msgspec.Struct, frozen=True):
    """The rules of a unit."""

    tolerance: Tolerance | None = None
    quantum: Decimal | None = None


class ContractTerms(msgspec.Struct, frozen=True):
    """Terms that decide a derivative's cash; a missing term leaves the balances it moves unmodelled."""

    multiplier: Decimal | None = None
    kind: Literal["linear", "inverse", "premium"] | None = None
    settlement_asset: str | None = None
    realised: Literal["close", "daily", "continuous"] | None = None
    realised_at: str | None = None
    method: Literal["average", "fifo"] | None = None
    balance_includes_unrealised: bool | None = None
    order_unit: str | None = None
    position_unit: str | None = None

    @property
    def modelled(self) -> bool:
        """True if cash follows from fills alone.

        Daily and continuous realisation need settlement prices, and unrealised P&L needs mark prices. The EMS transmits
        neither.
        """
        return (
            self.multiplier is not None
            and self.kind is not None
            and self.settlement_asset is not None
            and (self.kind == "premium" or (self.realised == "close" and self.method is not None))
            and not self.balance_includes_unrealised
        )


class FeeRule(msgspec.Struct, frozen=True):
    """A line of a fee schedule; the first line that matches a fill applies.

    Rates are shares of turnover, rebates negative. `symbol` and `instrument` (SPOT, PERPETUAL, FUTURES, OPTION) select
    fills, None matches all. `asset` is "quote", "base", "received" (base of a purchase, quote of a sale), or the code
    of a balance row.
    """

    symbol: str | None = None
    instrument: str | None = None
    maker: Decimal | None = None
    taker: Decimal | None = None
    asset: str = "quote"


class Funding(msgspec.Struct, frozen=True):
    """Times of funding: every `every_us` from midnight UTC on, at most `within_us` late."""

    every_us: Annotated[int, msgspec.Meta(gt=0)] = 8 * 3_600_000_000
    within_us: int = 900_000_000


class OffExchangeSettlement(msgspec.Struct, frozen=True):
    """Times of settlement with a custodian: every `every_us` from midnight UTC on, at most `within_us` late."""

    every_us: Annotated[int, msgspec.Meta(gt=0)]
    within_us: int = 900_000_000


class AccountRules(msgspec.Struct, frozen=True):
    """The rules of an account."""

    settlement_window_us: int = DEFAULT_WINDOW_US
    tolerance: Tolerance = Tolerance()
    assets: dict[str, str] = {}
    pools: list[list[str]] = []
    units: dict[str, UnitRules] = {}
    contracts: dict[str, ContractTerms] = {}
    position_mode: Literal["hedge", "one_way"] | None = None
    trust_balance_manager: bool = False
    #: The venue's fee schedule; rates that it lacks are learned (semantics 8.5).
    fees: list[FeeRule] = []
    #: A residual up to this share of turnover may be a fee: learned without an alert, until there is a sample.
    learn_fees_up_to: Decimal = DEFAULT_LEARNED_FEE
    funding: Funding = Funding()
    #: None: the account's assets are held by the venue itself.
    off_exchange_settlement: OffExchangeSettlement | None = None
    #: A case, or an account's day, above this amount in USD needs a second person (semantics 10.2).
    material_usd: Decimal = DEFAULT_MATERIAL_USD
    #: The end of the business day, minutes after midnight UTC, and the business days (Monday is 0), for ageing.
    cutoff_minute: int = 0
    business_days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    #: What a closing counts by (semantics 9.7): the zone of the cut-off, calendars of holidays, bounds of ages, and how
    #: long after the cut-off the day is to be signed. The fold itself uses none of them; empty: nothing was set.
    time_zone: str | None = None
    holidays: tuple[str, ...] = ()
    ageing_us: tuple[int, ...] = ()
    close_within_us: int | None = None
    #: The least independent source without which no unit agrees, and how old its word may be (semantics 7.8).
    require_source: IndependentSource | None = None
    source_age_us: int | None = None
    #: The venue's own name of the account: accounts with the same name are the same, at any gateway.
    venue_account: str | None = None

    @property
    def most_source_age_us(self) -> int:
        """Return how old the word of an independent source may be, in microseconds."""
        return DEFAULT_SOURCE_AGE_US if self.source_age_us is None else self.source_age_us

    def tolerance_of(self, unit: str) -> Tolerance:
        """Return the unit's own tolerance, or the account's."""
        rules = self.units.get(unit)
        return self.tolerance if rules is None or rules.tolerance is None else rules.tolerance

    def terms_of(self, names: Iterable[str]) -> ContractTerms | None:
        """Return the terms of a contract by the first of its names that has any."""
        return next((self.contracts[name] for name in names if name in self.contracts), None)

    def quantum_of(self, unit: str) -> Decimal | None:
        """Return the configured smallest step of a balance, if any."""
        rules = self.units.get(unit)
        return None if rules is None else rules.quantum

    def pool_of(self, asset: str) -> str:
        """Return the code under which an asset's row is reconciled: its pool's first member, or itself."""
        for pool in self.pools:
            if asset in pool:
                return pool[0]
        return asset

    def members_of(self, unit: str) -> list[str]:
        """Return the codes of the balance rows that a unit sums."""
        for pool in self.pools:
            if pool and pool[0] == unit:
                return pool
        return [unit]


class RecoveryRules(msgspec.Struct, frozen=True):
    """Whether a backfill runs after a gap, and whether it reads the order log for unreported orders."""

    enabled: bool = False
    history: bool = False


class Rules(msgspec.Struct, frozen=True):
    """The rules of one gateway, in force from the log position of their event."""

    defaults: AccountRules = AccountRules()
    accounts: dict[str, AccountRules] = {}
    #: Missing in logs from before backfills existed.
    recovery: RecoveryRules = RecoveryRules()

    def of(self, account: str) -> AccountRules:
        """Return the rules of an account; accounts need not be listed."""
        return self.accounts.get(account, self.defaults)


_read: Final = reader(Rules)


def parse_rules(payload: bytes) -> Rules:
    """Return the rules of a payload. Raise DocumentRefused for an unknown shape, or a value beyond its bounds."""
    return _read(payload)
