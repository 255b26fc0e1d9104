"""Lookups into what an account has stored: built when first asked for, then kept up, never stored. Pure.

A row of a message asks one of these questions, so an answer may not take longer for an account with many rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import islice, permutations

from recon.spelling import are_alike, plain_code, spellings

#: Why an asset's cash does not follow from fills: asset codes, CoinAPI codes, the reason.
Unmodelled = tuple[list[str], list[str], str]
#: A traded pair: its symbol, base and quote.
TradedPair = tuple[str, str, str]


class RowsByCoinapi:
    """The balance rows of each CoinAPI code."""

    __slots__ = ("_codes",)

    def __init__(self, rows: Mapping[str, str | None]) -> None:
        """Take the rows seen so far: code to CoinAPI code."""
        self._codes: dict[str, dict[str, None]] = {}
        for code, coinapi in rows.items():
            self.note(code, None, coinapi)

    def note(self, code: str, before: str | None, after: str | None) -> None:
        """Note the CoinAPI code of a row, and forget the one before."""
        if before:
            self._codes[before].pop(code)
        if after:
            self._codes.setdefault(after, {})[code] = None

    def of(self, coinapi: str | None) -> Iterable[str]:
        """Return the codes of the rows with a CoinAPI code, in the order in which they came."""
        return self._codes.get(coinapi or "", ())


class UnmappedAssets:
    """The unmapped assets of each CoinAPI code, and the order in which they came."""

    __slots__ = ("_assets", "_count", "_places")

    def __init__(self, unmapped: Mapping[str, str | None]) -> None:
        """Take the unmapped assets: code to CoinAPI code."""
        self._assets: dict[str, dict[str, None]] = {}
        self._places: dict[str, int] = {}
        self._count = 0
        for asset, coinapi in unmapped.items():
            self.add(asset, coinapi)

    def add(self, asset: str, coinapi: str | None) -> None:
        """Add an asset behind the others."""
        self._count += 1
        self._places[asset] = self._count
        if coinapi:
            self._assets.setdefault(coinapi, {})[asset] = None

    def remove(self, asset: str, coinapi: str | None) -> None:
        """Remove an asset."""
        del self._places[asset]
        if coinapi:
            self._assets[coinapi].pop(asset)

    def of(self, coinapi: str | None) -> Iterable[str]:
        """Return the unmapped assets with a CoinAPI code."""
        return self._assets.get(coinapi or "", ())

    def in_order(self, assets: Iterable[str]) -> list[str]:
        """Return those of these assets that are unmapped, each once, in the order in which they came."""
        return sorted({asset for asset in assets if asset in self._places}, key=self._places.__getitem__)


class AssetsByRow:
    """Assets by the balance row that is taken for theirs, in the order in which it was."""

    __slots__ = ("_by_row",)

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take assets, each with its row."""
        self._by_row: dict[str, dict[str, None]] = {}
        for asset, row in rows:
            self.note(asset, row)

    def note(self, asset: str, row: str) -> None:
        """Note that a row is taken for an asset's."""
        self._by_row.setdefault(row, {})[asset] = None

    def forget(self, asset: str, row: str) -> None:
        """Note that a row is not taken for an asset's any more."""
        del self._by_row[row][asset]

    def of(self, row: str) -> list[str]:
        """Return the assets that a row is taken for."""
        return list(self._by_row.get(row, ()))


class CodesBySpelling:
    """Codes of assets with their CoinAPI codes, by how either may be spelled otherwise."""

    __slots__ = ("_by_spelling", "_coinapis")

    def __init__(self, codes: Mapping[str, str | None]) -> None:
        """Take codes, each with its CoinAPI code."""
        self._coinapis: dict[str, str | None] = {}
        self._by_spelling: dict[str, dict[str, None]] = {}
        for code, coinapi in codes.items():
            self.note(code, coinapi)

    def note(self, code: str, coinapi: str | None) -> None:
        """Note a code, or the CoinAPI code that it has now."""
        self.forget(code)
        self._coinapis[code] = coinapi
        for spelling in spellings((code, coinapi)):
            self._by_spelling.setdefault(spelling, {})[code] = None

    def forget(self, code: str) -> None:
        """Forget a code."""
        if code in self._coinapis:
            for spelling in spellings((code, self._coinapis.pop(code))):
                del self._by_spelling[spelling][code]

    def like(self, code: str, coinapi: str | None) -> list[str]:
        """Return the codes that are spelled like another one, in alphabetical order; its own is none of them.

        Two CoinAPI codes tell two assets; equal ones tell one asset, whatever its codes.
        """
        found = {each for spelling in spellings((code, coinapi)) for each in self._by_spelling.get(spelling, ())}
        return sorted(each for each in found if each != code and self._is_like(each, code, coinapi))

    def _is_like(self, known: str, code: str, coinapi: str | None) -> bool:
        known_coinapi = self._coinapis[known]
        if coinapi and known_coinapi:
            return coinapi != known_coinapi and plain_code(coinapi) == plain_code(known_coinapi)
        return are_alike((known, known_coinapi), (code, coinapi))


class UnmodelledAssets:
    """The first contract that leaves an asset unmodelled, by the asset's code and by its CoinAPI code."""

    __slots__ = ("_by_code", "_by_coinapi", "_by_spelling", "_count")

    def __init__(self, contracts: Mapping[str, Unmodelled]) -> None:
        """Take the contracts without terms, the first first."""
        self._by_spelling: dict[str, tuple[int, str]] = {}
        self._by_code: dict[str, tuple[int, str]] = {}
        self._by_coinapi: dict[str, tuple[int, str]] = {}
        self._count = 0
        for contract in contracts.values():
            self.add(contract)

    def add(self, contract: Unmodelled) -> tuple[list[str], list[str]]:
        """Add a contract; return the codes and the CoinAPI codes that no earlier contract touches."""
        codes, coinapis, why = contract
        self._count += 1
        fresh = [code for code in codes if code not in self._by_code]
        fresh_coinapis = [code for code in coinapis if code not in self._by_coinapi]
        self._by_code.update(dict.fromkeys(fresh, (self._count, why)))
        self._by_coinapi.update(dict.fromkeys(fresh_coinapis, (self._count, why)))
        for code in (*codes, *coinapis):
            self._by_spelling.setdefault(plain_code(code), (self._count, why))
        return fresh, fresh_coinapis

    def reason_of(self, code: str, coinapi: str | None) -> str | None:
        """Return why an asset is unmodelled, by the first contract that touches it; None if none does.

        An asset without a CoinAPI code is touched as well where it is only spelled like one that is.
        """
        reasons = [self._by_code.get(code), None if coinapi is None else self._by_coinapi.get(coinapi)]
        if coinapi is None and self._by_spelling:
            reasons += [self._by_spelling.get(spelling) for spelling in spellings((code,))]
        return min((reason for reason in reasons if reason is not None), default=(0, None))[1]


class PairsByAsset:
    """The traded pairs of each asset, and all quote assets in alphabetical order."""

    __slots__ = ("_by_asset", "_by_pair", "_count", "quotes")

    def __init__(self, pairs: Mapping[str, tuple[str, str]]) -> None:
        """Take the traded pairs: symbol to base and quote."""
        self._by_asset: dict[str, dict[int, TradedPair]] = {}
        self._by_pair: dict[tuple[str, str], dict[int, TradedPair]] = {}
        self._count = 0
        self.quotes: list[str] = []
        quotes: set[str] = set()
        for symbol, (base, quote) in pairs.items():
            self._file(symbol, base, quote)
            quotes.add(quote)
        self.quotes += sorted(quotes)

    def add(self, symbol: str, base: str, quote: str) -> None:
        """Add a pair behind the others."""
        self._file(symbol, base, quote)
        place = bisect_left(self.quotes, quote)
        if place == len(self.quotes) or self.quotes[place] != quote:
            self.quotes.insert(place, quote)

    def _file(self, symbol: str, base: str, quote: str) -> None:
        self._count += 1
        pair = (symbol, base, quote)
        for asset in {base, quote}:
            self._by_asset.setdefault(asset, {})[self._count] = pair
        self._by_pair.setdefault((base, quote), {})[self._count] = pair

    def of(self, asset: str) -> Iterable[TradedPair]:
        """Return the pairs of an asset, in the order in which they were first traded."""
        return self._by_asset.get(asset, {}).values()

    def among(self, asset: str, others: Iterable[str], most: int) -> list[TradedPair]:
        """Return the first pairs of an asset and those between others, in the order in which they were first traded.

        Of the asset's own pairs and of those between two others at most so many count.
        """
        found = dict(islice(self._by_asset.get(asset, {}).items(), most))
        for pair in permutations({asset, *others}, 2):
            found.update(islice(self._by_pair.get(pair, {}).items(), most))
        return [found[place] for place in sorted(found)]
