"""What decides, as it stands in the log: windows, tolerances, aliases, pools and contract terms. Pure.

Rules enter the log as an event of kind `rules` when they change, so that a rebuild decides as the live run did
(architecture 2.4). The document's shape is written by `recon.config.rules_document`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.exact import ZERO

DEFAULT_WINDOW_US: Final = 5_000_000
#: An account whose last heartbeat is older than this is not observed (protocol 4: one each second).
HEARTBEAT_BOUND_US: Final = 10_000_000
#: A longer silence of the log is a hole: no window counts it (semantics 9.4). A tick comes every 10 s at the latest.
HOLE_US: Final = 15_000_000
#: A chain of disagreement becomes a break after this many windows (semantics 5.3).
CHAIN_WINDOWS: Final = 4
#: Most quanta, net and per day, that a unit books as rounding by itself (semantics 6).
ROUNDING_QUANTA_PER_DAY: Final = 100
#: Where the settings do not say: the largest share of a leg that a fee is looked for in, and what is material, in USD.
DEFAULT_LEARNED_FEE: Final = Decimal("0.006")
DEFAULT_MATERIAL_USD: Final = Decimal(10_000)


class Tolerance(msgspec.Struct, frozen=True):
    """Configured tolerance; the largest of the three and the computed one holds (semantics 6)."""

    absolute: Decimal = ZERO
    relative: Decimal = ZERO
    usd: Decimal = ZERO


class UnitRules(msgspec.Struct, frozen=True):
    """What the settings say of one unit."""

    tolerance: Tolerance | None = None
    quantum: Decimal | None = None


class ContractTerms(msgspec.Struct, frozen=True):
    """What a derivative's cash depends on; a missing term leaves the balances it touches unmodelled."""

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
        """Tell whether cash follows from fills alone.

        Daily and continuous realisation need settlement prices, and an unrealised part needs marks; the EMS
        transmits neither.
        """
        return (
            self.multiplier is not None
            and self.kind is not None
            and self.settlement_asset is not None
            and (self.kind == "premium" or (self.realised == "close" and self.method is not None))
            and not self.balance_includes_unrealised
        )


class FeeRule(msgspec.Struct, frozen=True):
    """One line of a fee schedule; the first that matches a fill holds. Rates are shares of the cash, rebates negative.

    `symbol` and `instrument` (SPOT, PERPETUAL, FUTURES, OPTION) narrow it, None matches all. `asset` is where the fee
    is taken: "quote", "base", "received" (base of a purchase, quote of a sale), or the code of a balance row.
    """

    symbol: str | None = None
    instrument: str | None = None
    maker: Decimal | None = None
    taker: Decimal | None = None
    asset: str = "quote"


class Funding(msgspec.Struct, frozen=True):
    """When funding is paid: every `every_us` from midnight UTC on, at most `within_us` late."""

    every_us: int = 8 * 3_600_000_000
    within_us: int = 900_000_000


class AccountRules(msgspec.Struct, frozen=True):
    """What decides for one account."""

    settlement_window_us: int = DEFAULT_WINDOW_US
    tolerance: Tolerance = Tolerance()
    assets: dict[str, str] = {}
    pools: list[list[str]] = []
    units: dict[str, UnitRules] = {}
    contracts: dict[str, ContractTerms] = {}
    position_mode: Literal["hedge", "one_way"] | None = None
    trust_balance_manager: bool = False
    #: The venue's fee schedule, as far as it is known; what it does not tell is learned (semantics 8.5).
    fees: list[FeeRule] = []
    #: A fee-like residual up to this share of the fill's leg is learned, not alerted, until there is a sample.
    learn_fees_up_to: Decimal = DEFAULT_LEARNED_FEE
    funding: Funding = Funding()
    #: Above this many USD, of a case or of an account's day, a decision needs a second person (semantics 10.2).
    material_usd: Decimal = DEFAULT_MATERIAL_USD
    #: The end of the business day, minutes after midnight UTC, and its days (Monday is 0), for ageing.
    cutoff_minute: int = 0
    business_days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    #: The venue's own name of the account: accounts of one name, at whatever gateway, are one.
    venue_account: str | None = None

    def tolerance_of(self, unit: str) -> Tolerance:
        """Return the unit's own tolerance, or the account's."""
        own = self.units.get(unit)
        return self.tolerance if own is None or own.tolerance is None else own.tolerance

    def quantum_of(self, unit: str) -> Decimal | None:
        """Return the configured smallest step of a balance, if any."""
        own = self.units.get(unit)
        return None if own is None else own.quantum

    def pool_of(self, asset: str) -> str:
        """Return the code under which an asset's row is reconciled: its pool's first member, or itself."""
        for pool in self.pools:
            if asset in pool:
                return pool[0]
        return asset

    def members_of(self, unit: str) -> list[str]:
        """Return the balance rows whose sum a unit is."""
        for pool in self.pools:
            if pool and pool[0] == unit:
                return pool
        return [unit]


class RecoveryRules(msgspec.Struct, frozen=True):
    """Whether what a gap hid is asked for over REST, and whether orders of which nobody knew are looked for."""

    enabled: bool = False
    history: bool = False


class Rules(msgspec.Struct, frozen=True):
    """The rules of one gateway, in force from the log position of their event."""

    defaults: AccountRules = AccountRules()
    accounts: dict[str, AccountRules] = {}
    #: Logs from before there was any recovery do not tell.
    recovery: RecoveryRules = RecoveryRules()

    def of(self, account: str) -> AccountRules:
        """Return the rules of an account; accounts need not be listed."""
        return self.accounts.get(account, self.defaults)


def parse_rules(payload: bytes) -> Rules:
    """Read a rules event. Raises msgspec.ValidationError where the document is not of the known shape."""
    return msgspec.json.decode(payload, type=Rules)
