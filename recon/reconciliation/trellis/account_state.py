"""The stored form of what the units of an account share in the comparison. Pure (semantics 5.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from recon.ledger.fees.rate_table import RateTable
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.awaited_cash import AwaitedCash
from recon.reconciliation.trellis.learning import Samples
from recon.reconciliation.trellis.parts import AccountParts
from recon.reconciliation.trellis.shadows import ShadowedFill
from recon.reconciliation.trellis.state import decode_unit, encode_unit
from recon.reconciliation.trellis.stored_unit import VERSION, Amount, UnknownVersion, pack, unpack

#: Fill: stamp, lateness, resolution, number, order, code, worth, class, market.
_Fill = tuple[int, int, int, int, str | None, str, Amount, str, str]


class StoredAccount(msgspec.Struct, frozen=True, array_like=True):
    """What the units of an account share, as it is stored."""

    version: int
    #: The number of this whole form; calls that are stored since then name it.
    whole: int
    number: int
    resolution: int
    keep_until: int
    #: True if the samples were learnt from since they changed.
    learnt: bool
    resolving: bool
    cash: AwaitedCash
    samples: Samples
    traded: tuple[str, ...]
    assumed: tuple[str, ...]
    ending: tuple[str, ...]
    prices: tuple[tuple[str, Amount], ...]
    fills: tuple[_Fill, ...]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(StoredAccount)


def encode_account(parts: AccountParts, whole: int) -> bytes:
    """Return the stored form of what the units of an account share, with the number of the account's whole form."""
    shadows = parts.shadows
    return _ENCODER.encode(
        StoredAccount(
            VERSION,
            whole,
            parts.number,
            parts.resolution,
            parts.keep_until,
            parts.samples.revision == parts.learnt_from,
            parts.resolving,
            parts.cash,
            parts.samples,
            tuple(sorted(shadows.traded)),
            tuple(sorted(shadows.assumed)),
            tuple(sorted(shadows.ending)),
            tuple((code, pack(price)) for code, price in sorted(shadows.prices.items())),
            tuple(_store_fill(fill) for fill in shadows.fills),
        )
    )


def _store_fill(fill: ShadowedFill) -> _Fill:
    return (
        fill.stamp_us,
        fill.arrived_us - fill.stamp_us,
        fill.resolution_us,
        fill.number,
        fill.order,
        fill.code,
        pack(fill.worth),
        fill.order_class,
        fill.market,
    )


def encode_unsaved(parts: AccountParts) -> dict[UnitKey, bytes]:
    """Return the stored forms of the units that changed since the last call; nothing of those that are forgotten."""
    found = {}
    for key in sorted(parts.unsaved):
        unit = parts.units.get(key)
        found[key] = b"" if unit is None else encode_unit(unit, parts.wakes.get(key))
    parts.unsaved.clear()
    return found


def decode_account(
    account: str, table: RateTable, window: int, data: bytes, units: Mapping[UnitKey, bytes]
) -> tuple[AccountParts, int]:
    """Return what the comparison of an account is made of, and the number of the form, from all stored forms.

    Raise `UnknownVersion` if another version stored it.
    """
    stored = _DECODER.decode(data)
    if stored.version != VERSION:
        raise UnknownVersion(f"the comparison of {account} is stored in version {stored.version}, not {VERSION}")
    parts = AccountParts(account, table, window)
    parts.number, parts.resolution, parts.keep_until = stored.number, stored.resolution, stored.keep_until
    parts.cash, parts.samples, parts.resolving = stored.cash, stored.samples, stored.resolving
    parts.learnt_from = parts.samples.revision if stored.learnt else parts.samples.revision - 1
    shadows = parts.shadows
    shadows.traded, shadows.assumed, shadows.ending = set(stored.traded), set(stored.assumed), set(stored.ending)
    shadows.prices = {code: unpack(price) for code, price in stored.prices}
    for stamp, lateness, resolution, number, order, code, worth, order_class, market in stored.fills:
        arrived = stamp + lateness
        shadows.fills.append(
            ShadowedFill(stamp, arrived, resolution, number, order, code, unpack(worth), order_class, market)
        )
    for key, each in units.items():
        unit, due = decode_unit(key, parts.rates, window, each)
        parts.units[key] = unit
        if due is not None:
            parts.wake(unit, due)
        if unit.is_odd():
            parts.odd.add(key)
    return parts, stored.whole
