"""Fee rates as people read them: one row for each rate of a table. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.fees.fee_key import LONG_AGO, TAKER_CLASS, FeeKey, share_of, third
from recon.ledger.fees.rate_table import KnownRate, RateTable
from recon.times import to_datetime

#: Where a rate is from: a schedule, fills, or fills that pay it beside another rate.
Source = Literal["told", "learned", "mixed"]
#: The class of a schedule's line: every class that has no row of its own.
ANY_CLASS: Final = "any"

_SIDES: Final[Mapping[int, str]] = MappingProxyType({1: "received", -1: "paid"})


class ShownRate(msgspec.Struct, frozen=True, gc=False):
    """A rate as a share of turnover; the view `fees_learned` says what each field means."""

    fee_asset: str
    side: str | None
    order_class: str
    market: str
    rate: Decimal
    source: Source
    since: datetime | None = None
    until: datetime | None = None
    edges: int | None = None
    bits: Decimal | None = None


def shown_rates(table: RateTable) -> list[ShownRate]:
    """Return the rates of a table: first those that a schedule tells, then what was learned, by key."""
    return [*_told(table), *_learned(table), *_mixed(table)]


def _told(table: RateTable) -> Iterator[ShownRate]:
    for market, line in table.told.items():
        side = "received" if line.asset == "received" else None
        yield ShownRate(line.asset, side, ANY_CLASS, market, _share(line.maker), "told")
        if line.taker != line.maker:
            yield ShownRate(line.asset, side, TAKER_CLASS, market, _share(line.taker), "told")


def _learned(table: RateTable) -> Iterator[ShownRate]:
    for key, known in sorted(table.known.items()):
        ends = [_time(each.since_us) for each in known[1:]]
        for each, until in zip(known, [*ends, None], strict=True):
            if each.edges:  # what a schedule tells is shown by its line
                yield _row(key, each, "learned", until)


def _mixed(table: RateTable) -> Iterator[ShownRate]:
    for key, mixed in sorted(table.mixed.items()):
        latest = table.latest(key)
        for each in mixed:
            if latest is None or each.rate != latest.rate:
                yield _row(key, each, "mixed", None)


def _row(key: FeeKey, known: KnownRate, source: Source, until: datetime | None) -> ShownRate:
    return ShownRate(
        key.role.removeprefix(third("")),
        _SIDES.get(key.side),
        key.order_class,
        key.market,
        _share(known.rate),
        source,
        _time(known.since_us),
        until,
        known.edges or None,
        Decimal(known.hundredth_bits).scaleb(-2) if known.hundredth_bits else None,
    )


def _share(rate: int) -> Decimal:
    """Return a rate as a share of turnover, without zeros at its end."""
    share = share_of(rate).normalize()
    return share or ZERO


def _time(us: int) -> datetime | None:
    return None if us == LONG_AGO else to_datetime(us)
