"""Codes of assets in two spellings: a venue's own, and that of its symbols or of CoinAPI. Pure.

Kraken's balances say ZUSD and XXBT where its symbols say USD and XBT, and CoinAPI says BTC. Others differ by capitals,
or by signs between the letters. That two codes are alike proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

#: Codes with an older name beside the common one.
_COMMON: Final = {"xbt": "btc", "xdg": "doge"}
#: Letters before a code of three letters or more: a coin, a currency.
_PREFIXES: Final = "xz"
_SHORTEST: Final = 3


def plain_code(code: str) -> str:
    """Return a code without capitals and signs, under its common name."""
    letters = "".join(filter(str.isalnum, code.casefold()))
    return _COMMON.get(letters, letters)


def spellings(names: Iterable[str | None]) -> list[str]:
    """Return the plain forms of some names of an asset, each with and without a letter before it."""
    found: dict[str, None] = {}
    for name in filter(None, names):
        letters = "".join(filter(str.isalnum, name.casefold()))
        found[_COMMON.get(letters, letters)] = None
        if letters[:1] in _PREFIXES and len(letters) > _SHORTEST:
            found[_COMMON.get(letters[1:], letters[1:])] = None
    return list(found)


def are_alike(one: Collection[str | None], other: Collection[str | None]) -> bool:
    """True if names of one asset and names of another may be spellings of one; ZUSD and XUSD are not."""
    plain, others = ({plain_code(name) for name in names if name} for names in (one, other))
    return not plain.isdisjoint(spellings(other)) or not others.isdisjoint(spellings(one))
