"""An account's mappings: assets, symbols and contracts to what stands for them. Pure.

Only this module assigns its fields; a method that takes one row changes its map in place.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from functools import cached_property

import msgspec

from recon.ledger.lookups import CodesBySpelling, PairsByAsset, UnmappedAssets, Unmodelled, UnmodelledAssets


class AssumedRow(msgspec.Struct, frozen=True):
    """The balance row that is taken for an asset's until the settings say, and the asset's CoinAPI code."""

    row: str
    coinapi: str | None


class Mappings(msgspec.Struct, dict=True):
    """The mapping of assets and symbols, and the orders and contracts that wait for a mapping."""

    #: Assets kept under their own code because no balance row is theirs: code to CoinAPI code.
    unmapped: dict[str, str | None] = {}
    #: Symbols without an instrument, with the keys of the orders whose fills wait.
    fills_awaiting_instrument: dict[str, list[str]] = {}
    #: Spot symbols traded: symbol to (base unit, quote unit).
    traded_pairs: dict[str, tuple[str, str]] = {}
    #: Assets whose cash does not follow from fills: contract to (asset codes, CoinAPI codes, why).
    unmodelled: dict[str, Unmodelled] = {}
    #: Leveraged spot positions that are closed, and since when, in microseconds: their balances are modelled soon.
    closing: dict[str, int] = {}
    #: Contracts without an opening, and the asset of their pending cash: the asset is not compared.
    cash_pending_contracts: dict[str, str] = {}
    #: Finest scale of avg_px seen per symbol: in reports that list fills, and in those that list none.
    price_scales: dict[str, int] = {}
    unlisted_price_scales: dict[str, int] = {}

    @cached_property
    def unmapped_assets(self) -> UnmappedAssets:
        """Return the unmapped assets by CoinAPI code."""
        return UnmappedAssets(self.unmapped)

    @cached_property
    def unmapped_spellings(self) -> CodesBySpelling:
        """Return the unmapped assets by how they may be spelled."""
        return CodesBySpelling(self.unmapped)

    @cached_property
    def unmodelled_assets(self) -> UnmodelledAssets:
        """Return the reasons for which assets are unmodelled."""
        return UnmodelledAssets(self.unmodelled)

    @cached_property
    def pairs_by_asset(self) -> PairsByAsset:
        """Return the traded pairs by their assets."""
        return PairsByAsset(self.traded_pairs)

    @cached_property
    def awaited_symbols(self) -> list[str]:
        """Return the symbols without an instrument, in alphabetical order."""
        return sorted(self.fills_awaiting_instrument)

    @cached_property
    def cash_pending_assets(self) -> Counter[str]:
        """Return the assets of pending cash, with the number of their contracts."""
        return Counter(self.cash_pending_contracts.values())

    def add_unmapped(self, asset: str, coinapi: str | None) -> None:
        """Keep an asset under its own code until the asset's balance row is known."""
        self.unmapped_assets.add(asset, coinapi)
        self.unmapped_spellings.note(asset, coinapi)
        self.unmapped[asset] = coinapi

    def remove_unmapped(self, asset: str) -> None:
        """Note that an asset's balance row is known."""
        self.unmapped_spellings.forget(asset)
        self.unmapped_assets.remove(asset, self.unmapped.pop(asset))

    def await_instrument(self, symbol: str, order: str) -> None:
        """Let the fills of an order wait until the symbol's instrument is known."""
        symbols = self.awaited_symbols
        if symbol not in self.fills_awaiting_instrument:
            insort(symbols, symbol)
        self.fills_awaiting_instrument.setdefault(symbol, []).append(order)

    def end_waiting(self, symbol: str) -> None:
        """Note that a symbol's instrument is known."""
        symbols = self.awaited_symbols
        del self.fills_awaiting_instrument[symbol], symbols[bisect_left(symbols, symbol)]

    def add_pair(self, symbol: str, base: str, quote: str) -> None:
        """Note the units that a spot symbol moves."""
        self.pairs_by_asset.add(symbol, base, quote)
        self.traded_pairs[symbol] = (base, quote)

    def rename_unit(self, before: str, after: str) -> None:
        """Let the traded pairs of a unit move another one from here on."""

        def named(unit: str) -> str:
            return after if unit == before else unit

        for symbol, (base, quote) in self.traded_pairs.items():
            self.traded_pairs[symbol] = (named(base), named(quote))
        self.__dict__.pop("pairs_by_asset", None)

    def set_unmodelled(self, contracts: dict[str, Unmodelled]) -> None:
        """Replace the contracts that make assets unmodelled."""
        self.unmodelled = contracts
        self.__dict__.pop("unmodelled_assets", None)

    def add_unmodelled(self, contract: str, touched: Unmodelled) -> tuple[list[str], list[str]]:
        """Add a contract that makes assets unmodelled; return the codes and CoinAPI codes that no other touches."""
        fresh = self.unmodelled_assets.add(touched)
        self.unmodelled[contract] = touched
        return fresh

    def note_closing(self, contract: str, us: int) -> bool:
        """Note since when a leveraged spot position is closed; return True if that is new."""
        if contract in self.closing:
            return False
        self.closing[contract] = us
        return True

    def end_closing(self, contract: str) -> None:
        """Note that a leveraged spot position is open, or that its balances are modelled again."""
        self.closing.pop(contract, None)

    def await_cash(self, contract: str, asset: str) -> None:
        """Let the cash of a contract's fills wait for its opening."""
        before = self.cash_pending_contracts.get(contract)
        if before != asset:
            self.cash_pending_assets[asset] += 1
            if before is not None:
                self.cash_pending_assets[before] -= 1
            self.cash_pending_contracts[contract] = asset

    def end_cash_waiting(self, contract: str) -> None:
        """Note that a contract's opening is known."""
        counted = self.cash_pending_assets
        counted[self.cash_pending_contracts.pop(contract)] -= 1

    def note_price_scale(self, symbol: str, digits: int, *, listed: bool) -> bool:
        """Note the scale of an average price of a symbol; return True if it is the finest so far.

        `listed`: the report lists its fills.
        """
        scales = self.price_scales if listed else self.unlisted_price_scales
        if digits <= scales.get(symbol, -1):
            return False
        scales[symbol] = digits
        return True

    def price_scale(self, symbol: str, *, listed: bool) -> int:
        """Return the finest scale of a symbol's average prices; 0 if none was seen."""
        return (self.price_scales if listed else self.unlisted_price_scales).get(symbol, 0)
