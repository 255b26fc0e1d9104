"""The rules of accounts as one canonical document: the rules event of a gateway's log (architecture 2.4). Pure.

The tables of the settings (`recon.config.accounts`) declare the document: it has their fields, by their names.
`recon.ledger.rules` declares the same fields, as the ledger reads them; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final, TypeAlias, cast, get_args

from pydantic import BaseModel

from recon.config.accounts import AccountRules, Funding, Tolerance, Weekday
from recon.config.tables import Settings
from recon.config.values import microseconds
from recon.errors import ConfigError
from recon.exact import ZERO, plain

JSON: TypeAlias = "Mapping[str, JSON] | list[JSON] | str | int | bool | None"

#: The document's own version.
RULES_VERSION: Final = 1
#: Monday first, as the document counts them: 0 … 6.
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)

#: The rules where the settings say nothing.
DEFAULTS: Final = AccountRules(
    settlement_window=timedelta(seconds=5),
    tolerance=Tolerance(absolute=ZERO, relative=ZERO, usd=ZERO),
    pools=[],
    trust_balance_manager=False,
    fees=[],
    # The largest share of a leg that a fee is sought in while no schedule is known (semantics 8.5): three times 0.2 %.
    learn_fees_up_to=Decimal("0.006"),
    funding=Funding(),
    # In USD, of a case or of an account's day: above it a second person decides (semantics 10.2).
    material_usd=Decimal(10_000),
    cutoff="00:00",
    # Crypto trades on all days.
    business_days=list(WEEKDAYS),
)


def rules_document(settings: Settings, gateway_name: str) -> dict[str, JSON]:
    """Return the rules of one gateway, with every default filled in.

    Amounts are plain decimal strings, durations integers of microseconds, and every key is always there, but for those
    that most accounts have not: `off_exchange_settlement`, what a closing alone needs, and what is required of sources.
    The same settings give the same document; written with sorted keys, the same bytes. Raise ConfigError if there is no
    such gateway.
    """
    gateway = settings.gateways.get(gateway_name)
    if gateway is None:
        raise ConfigError(f"there is no gateway {gateway_name} in the settings")
    defaults = merge(settings.accounts, DEFAULTS)
    return {
        "rules": RULES_VERSION,
        "defaults": _account(defaults),
        "accounts": {name: _account(merge(own, defaults)) for name, own in sorted(gateway.accounts.items())},
        "recovery": {"enabled": gateway.recovery.enabled, "history": gateway.recovery.history},
    }


def merge(own: AccountRules, defaults: AccountRules) -> AccountRules:
    """Return an account's rules over the defaults: tables merge key by key, any other value replaces."""
    return cast("AccountRules", _merge(own, defaults))


def _merge(own: object, default: object) -> object:
    if own is None or default is None:
        return default if own is None else own
    if isinstance(own, BaseModel) and isinstance(default, BaseModel):
        return own.model_copy(update={name: _merge(value, getattr(default, name)) for name, value in own})
    if isinstance(own, dict) and isinstance(default, dict):
        return {key: _merge(own.get(key), default.get(key)) for key in own.keys() | default}
    return own


def _account(rules: AccountRules) -> dict[str, JSON]:
    units = {
        # A unit that has a tolerance inherits the rest of it from its account.
        code: unit.model_copy(update={"tolerance": unit.tolerance and _merge(unit.tolerance, rules.tolerance)})
        for code, unit in rules.units.items()
    }
    document = dict(_table(rules.model_copy(update={"units": units})))
    for key in _RARE:
        if document[key] is None:
            del document[key]  # settings without it give the document that they gave before
    return document


def _durations(lengths: list[timedelta] | None) -> JSON:
    return None if lengths is None else [microseconds(length) for length in lengths]


def _optional_duration(length: timedelta | None) -> JSON:
    return None if length is None else microseconds(length)


def _table(table: BaseModel) -> dict[str, JSON]:
    return dict(_entry(name, value) for name, value in table)


def _entry(name: str, value: object) -> tuple[str, JSON]:
    if name in _OWN_FORMS:
        key, write = _OWN_FORMS[name]
        return key, write(value)
    return (f"{name}_us" if isinstance(value, timedelta) else name), _json(value)


def _json(value: object) -> JSON:
    match value:
        case Tolerance():
            return {name: plain(amount or ZERO) for name, amount in value}
        case BaseModel():
            return _table(value)
        case Decimal():
            return plain(value)
        case timedelta():
            return microseconds(value)
        case dict():
            return {key: _json(value[key]) for key in sorted(value)}
        case list():
            return [_json(element) for element in value]
    return cast("JSON", value)


def _minute_of_day(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return 60 * int(hours) + int(minutes)


def _day_numbers(days: list[Weekday]) -> JSON:
    return cast("JSON", sorted(WEEKDAYS.index(day) for day in days))


#: Fields whose key or form in the document is not that of the settings.
_OWN_FORMS: Final[Mapping[str, tuple[str, Callable[..., JSON]]]] = {
    "cutoff": ("cutoff_minute", _minute_of_day),
    "business_days": ("business_days", _day_numbers),
    "ageing": ("ageing_us", _durations),
    "close_within": ("close_within_us", _optional_duration),
    "source_age": ("source_age_us", _optional_duration),
}
#: Keys that stand in the document only where they are set.
_RARE: Final = (
    *("off_exchange_settlement", "time_zone", "holidays", "ageing_us", "close_within_us"),
    *("require_source", "source_age_us"),
)
