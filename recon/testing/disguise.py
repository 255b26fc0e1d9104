"""Replaces accounts, ids and amounts of a recording, so that it can be shown to others.

1. The same id is always replaced by the same other id, of the same length and of the same kinds of characters. Two ids
   never become one.
2. All amounts are multiplied by one factor, prices by none. Fills, fees and balances are sums of amounts and of amounts
   times prices, so what was equal stays equal.
3. Fields that recon does not read are left out, and so are texts for people. Assets, symbols, prices and times stay.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Final, TypeAlias

import msgspec

from recon.exact import bounded
from recon.ledger.facts.external_fact import MANUAL
from recon.ledger.rules import AccountRules, Rules, Tolerance, UnitRules

#: Digits enough for any bounded amount times a factor.
_DIGITS: Final = 200
#: How often another id of the same shape is tried.
_ATTEMPTS: Final = 1_000
#: What stands for a frame that cannot be read, so that nobody else can read it either.
UNREADABLE: Final = b"unreadable"

_ACCOUNTS: Final = frozenset({"exchange_id", "account", "counter_account"})
_IDS: Final = frozenset(
    {"client_order_id", "exchange_order_id", "instance_guid", "external_id", "order_id", "trade_id"}
)
_AMOUNTS: Final = frozenset(
    {
        *("amount_order", "amount_open", "amount_filled", "amount", "balance", "available", "locked", "quantity"),
        *("unrealized_pnl", "unrealised_pnl", "cash", "fee"),
    }
)
#: Members whose content stays as it is.
_KEPT: Final = frozenset(
    {
        *("type", "symbol_id_exchange", "symbol_id_coinapi", "asset_id_exchange", "asset_id_coinapi"),
        *("asset_id_base_exchange", "asset_id_quote_exchange", "asset_id_base_coinapi", "asset_id_quote_coinapi"),
        *("price_precision", "price", "avg_px", "avg_entry_price", "liquidation_price", "leverage", "rate_usd"),
        *("side", "order_type", "time_in_force", "exec_inst", "status", "status_history", "time", "last_updated_by"),
        *("is_running", "time_server_start", "reject_reason"),
        *("fact", "occurred_at", "unit_kind", "unit", "symbol", "fee_asset"),
    }
)
#: Members that hold rows of their own.
_NESTED: Final = frozenset({"data", "fills"})

_VENUE: Final = re.compile(r"[A-Z0-9]{2,20}")


class _Number(str):
    """A number of JSON, as it was written."""

    __slots__ = ()


Json: TypeAlias = "dict[str, Json] | list[Json] | str | bool | None"

_load: Final = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number).decode


class Disguise:
    """The replacements of one recording."""

    def __init__(self, key: bytes, factor: Decimal) -> None:
        """Replace ids by this secret key, and multiply amounts by this factor."""
        self.factor = factor
        self._key = key
        self._ids: dict[str, str] = {}
        self._taken: set[str] = set()
        self._accounts: dict[str, str] = {}

    def account(self, name: str) -> str:
        """Return the name that stands for an account; its venue stays where it is set off by a slash."""
        if name not in self._accounts:
            venue = name.partition("/")[0]
            shown = venue if _VENUE.fullmatch(venue) else "ACCOUNT"
            self._accounts[name] = f"{shown}/{len(self._accounts) + 1}"
        return self._accounts[name]

    def id(self, text: str) -> str:
        """Return the id that stands for an id; what marks the id of a manual fact stays."""
        if text.startswith(MANUAL):
            return MANUAL + self.id(text.removeprefix(MANUAL))
        if text not in self._ids:
            other = next((each for each in self._candidates(text) if each not in self._taken), "")
            self._taken.add(other)
            self._ids[text] = other
        return self._ids[text]

    def _candidates(self, text: str) -> Iterator[str]:
        """Yield texts of the same shape; where a shape has none left, longer ones."""
        for attempt in range(_ATTEMPTS):
            yield self._shaped(text, attempt)
        yield f"{self._shaped(text, 0)}-{len(self._ids)}"

    def amount(self, text: str) -> str:
        """Return an amount times the factor, as exact as it was written; what is no amount stays."""
        try:
            value = Decimal(text)
        except ArithmeticError:
            return text
        if not bounded(value):
            return text
        with localcontext(prec=_DIGITS):
            scaled = value * self.factor
        return str(scaled) if "e" in text.lower() else format(scaled, "f")

    def frame(self, payload: bytes) -> bytes:
        """Return a frame with everything replaced; one that cannot be read says no more than that."""
        try:
            document = _load(payload.decode())
            return _text(self._walk(document)).encode() if isinstance(document, dict) else UNREADABLE
        except (ValueError, RecursionError):
            return UNREADABLE

    def rules(self, rules: Rules, account: str) -> Rules:
        """Return the rules of one account under its other name, with amounts multiplied."""
        own = rules.accounts.get(account)
        accounts = {} if own is None else {self.account(account): self._account_rules(own)}
        return Rules(self._account_rules(rules.defaults), accounts)

    def _account_rules(self, rules: AccountRules) -> AccountRules:
        return msgspec.structs.replace(
            rules,
            tolerance=self._tolerance(rules.tolerance),
            units={code: self._unit_rules(each) for code, each in rules.units.items()},
            material_usd=self._scaled(rules.material_usd),
            venue_account=None,
        )

    def _unit_rules(self, rules: UnitRules) -> UnitRules:
        return UnitRules(
            None if rules.tolerance is None else self._tolerance(rules.tolerance),
            None if rules.quantum is None else self._scaled(rules.quantum),
        )

    def _tolerance(self, tolerance: Tolerance) -> Tolerance:
        return Tolerance(self._scaled(tolerance.absolute), tolerance.relative, self._scaled(tolerance.usd))

    def _scaled(self, value: Decimal) -> Decimal:
        with localcontext(prec=_DIGITS):
            return value * self.factor

    def _walk(self, members: dict[str, Json]) -> Json:
        kept: dict[str, Json] = {}
        for name, value in members.items():
            if name in _KEPT:
                kept[name] = _without_members(value)
            elif name in _NESTED:
                kept[name] = self._nested(value)
            elif name in _ACCOUNTS:
                kept[name] = _each(value, self.account)
            elif name in _IDS:
                kept[name] = _each(value, self.id)
            elif name in _AMOUNTS:
                kept[name] = _each(value, self.amount)
        return kept

    def _nested(self, value: Json) -> Json:
        if isinstance(value, dict):
            return self._walk(value)
        return [self._nested(item) for item in value] if isinstance(value, list) else None

    def _shaped(self, text: str, attempt: int) -> str:
        """Return other characters of the same kinds; a first digit is 0 if it was 0, so that a number stays one."""
        stream = hashlib.shake_256(b"%s:%d:%s" % (self._key, attempt, text.encode())).digest(2 * len(text) + 2)
        return "".join(
            _other(character, int.from_bytes(stream[2 * index : 2 * index + 2]), leads=index == 0)
            for index, character in enumerate(text)
        )


def _other(character: str, draw: int, *, leads: bool) -> str:
    if character.isascii():
        if character.isdigit():
            if leads:
                return "0" if character == "0" else chr(ord("1") + draw % 9)
            return chr(ord("0") + draw % 10)
        if character.isalpha():
            return chr(ord("a" if character.islower() else "A") + draw % 26)
        return character
    return chr(ord("a") + draw % 26)


def _each(value: Json, replaced: Callable[[str], str]) -> Json:
    """Replace a text or a number; anything else holds nothing that recon reads."""
    if isinstance(value, _Number):
        return _Number(replaced(value))
    if isinstance(value, str):
        return replaced(value) if value else value
    return value if isinstance(value, bool) or value is None else None


def _without_members(value: Json) -> Json:
    """Return a value that stays; objects in it hold nothing that recon reads."""
    if isinstance(value, list):
        return [_without_members(item) for item in value]
    return None if isinstance(value, dict) else value


def _text(value: Json) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return json.dumps(value)
