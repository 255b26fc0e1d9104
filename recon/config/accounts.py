"""The rules of accounts: tolerances, units, contracts, fees, funding, and who may decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, field_validator, model_validator

from recon.config.base import Table
from recon.config.holiday_calendars import MAX_HOLIDAYS, check_calendar
from recon.config.values import Amount, Duration, Name, PositiveAmount, Rate, TimeOfDay
from recon.config.zones import zone_of
from recon.source_class import IndependentSource

#: Longest settlement window that still means anything.
MAX_SETTLEMENT_WINDOW: Final = timedelta(hours=1)
#: Most bounds of ages that one account's open breaks are counted between.
MAX_AGEING: Final = 8
#: Longest delay between the end of a business day and its first sign-off that can be asked for.
MAX_CLOSE_WITHIN: Final = timedelta(days=31)
#: Funding and settlements come on a grid that starts again each day.
_DAY: Final = timedelta(days=1)


class Tolerance(Table):
    """The accepted difference; a missing key is inherited, in the end 0 (semantics 6)."""

    absolute: Amount | None = None
    relative: Annotated[Amount, Field(le=1)] | None = None
    usd: Amount | None = None


class UnitRules(Table):
    """Rules for one unit of an account."""

    tolerance: Tolerance | None = None
    quantum: PositiveAmount | None = None


class ContractTerms(Table):
    """Terms of one derivative; without all of them its balances are unmodelled (semantics 3.5)."""

    multiplier: PositiveAmount | None = None
    kind: Literal["linear", "inverse", "premium"] | None = None
    settlement_asset: Name | None = None
    realised: Literal["close", "daily", "continuous"] | None = None
    realised_at: TimeOfDay | None = None
    method: Literal["average", "fifo"] | None = None
    balance_includes_unrealised: bool | None = None
    order_unit: Name | None = None
    position_unit: Name | None = None


class FeeRule(Table):
    """One line of a venue's fee schedule; the first line that matches a fill applies, so general lines come last."""

    symbol: Name | None = None
    instrument: Literal["SPOT", "PERPETUAL", "FUTURES", "OPTION"] | None = None
    maker: Rate | None = None
    taker: Rate | None = None
    #: Where the fee is taken: quote, base, received (base of a purchase, quote of a sale), or a balance row's code.
    asset: Name = "quote"

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.maker is None and self.taker is None:
            raise ValueError("a line of fees needs maker, taker or both")
        return self


class Grid(Table):
    """Times of a day: an interval from midnight UTC, and how late what happens then may come. Inherited as a whole."""

    every: Duration
    within: Duration = timedelta(minutes=15)

    @model_validator(mode="after")
    def _is_a_grid(self) -> Self:
        if not timedelta() < self.every <= _DAY or _DAY % self.every:
            raise ValueError("every must divide a day evenly: 1h, 4h, 8h, …")
        if not timedelta() < self.within < self.every:
            raise ValueError("within must be more than nothing and less than every")
        return self


class Funding(Grid):
    """When a venue pays funding."""

    every: Duration = timedelta(hours=8)


class OffExchangeSettlement(Grid):
    """When a custodian settles with the venue what was traded with assets that it holds."""


def _zone(name: str) -> str:
    zone_of(name)
    return name


Zone = Annotated[Name, AfterValidator(_zone)]
Holidays = Annotated[Name, AfterValidator(check_calendar)]
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class AccountRules(Table):
    """The rules of an account; a missing key comes from `[accounts]`, then from recon's defaults."""

    settlement_window: Duration | None = None
    tolerance: Tolerance | None = None
    assets: dict[Name, Name] = Field(default_factory=dict)
    pools: list[list[Name]] | None = None
    units: dict[Name, UnitRules] = Field(default_factory=dict)
    contracts: dict[Name, ContractTerms] = Field(default_factory=dict)
    position_mode: Literal["hedge", "one_way"] | None = None
    trust_balance_manager: bool | None = None
    fees: list[FeeRule] | None = None
    learn_fees_up_to: Annotated[Amount, Field(le=1)] | None = None
    funding: Funding | None = None
    off_exchange_settlement: OffExchangeSettlement | None = None
    material_usd: Amount | None = None
    cutoff: TimeOfDay | None = None
    business_days: Annotated[list[Weekday], Field(min_length=1)] | None = None
    #: The zone of the cut-off; the public holidays, by their calendars, which are no business days (semantics 9.7).
    time_zone: Zone | None = None
    holidays: Annotated[list[Holidays], Field(max_length=MAX_HOLIDAYS)] | None = None
    #: The bounds that a closing counts the ages of open breaks between, in business time.
    ageing: Annotated[list[Duration], Field(min_length=1, max_length=MAX_AGEING)] | None = None
    #: How long after the cut-off a day is signed at the latest; without it no closing is planned.
    close_within: Duration | None = None
    #: No unit agrees without the word of a source at least as independent, not older than this (semantics 7.8).
    require_source: IndependentSource | None = None
    source_age: Duration | None = None
    #: The venue's own name of the account: two gateways that name the same one count once in the firm's totals.
    venue_account: Name | None = None

    @field_validator("settlement_window")
    @classmethod
    def _is_a_window(cls, window: timedelta | None) -> timedelta | None:
        if window is not None and not timedelta() < window <= MAX_SETTLEMENT_WINDOW:
            raise ValueError("must be more than nothing and at most 1h")
        return window

    @field_validator("pools")
    @classmethod
    def _share_no_member(cls, pools: list[list[str]] | None) -> list[list[str]] | None:
        members = [code for pool in pools or [] for code in pool]
        if any(len(pool) < 2 for pool in pools or []):
            raise ValueError("a pool needs at least two codes")
        if len(members) != len(set(members)):
            raise ValueError("a code may stand in one pool, once")
        return pools

    @field_validator("fees")
    @classmethod
    def _can_all_match(cls, fees: list[FeeRule] | None) -> list[FeeRule] | None:
        for index, rule in enumerate(fees or []):
            for earlier in (fees or [])[:index]:
                if earlier.symbol in {None, rule.symbol} and earlier.instrument in {None, rule.instrument}:
                    raise ValueError(f"line {index + 1} never holds: an earlier one matches all that it does")
        return fees

    @field_validator("ageing")
    @classmethod
    def _rise(cls, bounds: list[timedelta] | None) -> list[timedelta] | None:
        if bounds is not None and (bounds[0] <= timedelta() or sorted(set(bounds)) != bounds):
            raise ValueError('must rise, such as ["1h", "1d", "2d", "5d"]')
        return bounds

    @field_validator("close_within")
    @classmethod
    def _is_a_delay(cls, delay: timedelta | None) -> timedelta | None:
        if delay is not None and not timedelta() < delay <= MAX_CLOSE_WITHIN:
            raise ValueError("must be more than nothing and at most 31d")
        return delay

    @field_validator("business_days")
    @classmethod
    def _are_days(cls, days: list[Weekday] | None) -> list[Weekday] | None:
        if days is not None and len(days) != len(set(days)):
            raise ValueError("a day stands twice")
        return days


def _names_no_account(rules: AccountRules) -> AccountRules:
    if rules.venue_account is not None:
        raise ValueError("venue_account names one account, so it cannot be a default for all; give it to that account")
    return rules


#: What `[accounts]` holds: the defaults for all.
DefaultRules = Annotated[AccountRules, AfterValidator(_names_no_account)]
