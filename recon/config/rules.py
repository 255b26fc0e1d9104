"""What decides, as one canonical document: the rules event of a gateway's log (architecture 2.4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final, TypeAlias, get_args

from recon.config.accounts import (
    AccountRules,
    ContractTerms,
    FeeRule,
    Funding,
    Tolerance,
    UnitRules,
    Weekday,
)
from recon.config.tables import Settings
from recon.config.values import microseconds
from recon.errors import ConfigError
from recon.exact import ZERO, plain

JSON: TypeAlias = "Mapping[str, JSON] | list[JSON] | str | int | bool | None"

#: The document's own version.
RULES_VERSION: Final = 1
DEFAULT_SETTLEMENT_WINDOW: Final = timedelta(seconds=5)
#: Largest share of a leg that a fee is looked for in while no schedule tells (semantics 8.5): three times 0.2 %.
DEFAULT_LEARN_FEES_UP_TO: Final = Decimal("0.006")
#: What needs a second person, in USD, of a case or of an account's day (semantics 10.2).
DEFAULT_MATERIAL_USD: Final = Decimal(10_000)
DEFAULT_CUTOFF: Final = "00:00"
#: Monday first, as the log counts them: 0 … 6. Crypto trades on all of them.
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)


def rules_document(settings: Settings, gateway_name: str) -> dict[str, JSON]:
    """Return all that decides for one gateway, every default filled in.

    Amounts are plain decimal strings, durations integers of microseconds, and every key is always there. The
    same settings give the same document; written with sorted keys, the same bytes. Errors: ConfigError when
    there is no such gateway.
    """
    gateway = settings.gateways.get(gateway_name)
    if gateway is None:
        raise ConfigError(f"there is no gateway {gateway_name} in the settings")
    accounts: dict[str, JSON] = {
        name: _account(_over(own, settings.accounts)) for name, own in sorted(gateway.accounts.items())
    }
    return {
        "rules": RULES_VERSION,
        "defaults": _account(settings.accounts),
        "accounts": accounts,
        "recovery": {"enabled": gateway.recovery.enabled, "history": gateway.recovery.history},
    }


def _over(own: AccountRules, defaults: AccountRules) -> AccountRules:
    """Lay an account's own rules over the defaults: tables merge key by key, anything else replaces."""
    units = {
        code: _unit_over(own.units.get(code), defaults.units.get(code)) for code in own.units.keys() | defaults.units
    }
    contracts = {
        symbol: ContractTerms.model_validate(_given(defaults.contracts.get(symbol)) | _given(own.contracts.get(symbol)))
        for symbol in own.contracts.keys() | defaults.contracts
    }
    merged = _given(defaults) | _given(own)
    merged["tolerance"] = _tolerance_over(own.tolerance, defaults.tolerance)
    merged["assets"] = defaults.assets | own.assets
    return AccountRules.model_validate(merged | {"units": units, "contracts": contracts})


def _given(table: AccountRules | ContractTerms | None) -> dict[str, object]:
    """Return the keys of a table that were given."""
    if table is None:
        return {}
    return {key: value for key, value in table if value is not None}


def _unit_over(own: UnitRules | None, defaults: UnitRules | None) -> UnitRules:
    own, defaults = own or UnitRules(), defaults or UnitRules()
    tolerance = None
    if own.tolerance is not None or defaults.tolerance is not None:
        tolerance = _tolerance_over(own.tolerance, defaults.tolerance)
    return UnitRules(tolerance=tolerance, quantum=defaults.quantum if own.quantum is None else own.quantum)


def _tolerance_over(own: Tolerance | None, defaults: Tolerance | None) -> Tolerance:
    own, defaults = own or Tolerance(), defaults or Tolerance()
    return Tolerance(
        absolute=defaults.absolute if own.absolute is None else own.absolute,
        relative=defaults.relative if own.relative is None else own.relative,
        usd=defaults.usd if own.usd is None else own.usd,
    )


def _account(rules: AccountRules) -> dict[str, JSON]:
    window = DEFAULT_SETTLEMENT_WINDOW if rules.settlement_window is None else rules.settlement_window
    units: dict[str, JSON] = {
        code: {
            # What a unit leaves out it has from its account.
            "tolerance": None
            if unit.tolerance is None
            else _tolerance(_tolerance_over(unit.tolerance, rules.tolerance)),
            "quantum": _amount(unit.quantum),
        }
        for code, unit in sorted(rules.units.items())
    }
    return {
        "settlement_window_us": microseconds(window),
        "tolerance": _tolerance(rules.tolerance or Tolerance()),
        "assets": dict(sorted(rules.assets.items())),
        "pools": [list[JSON](pool) for pool in rules.pools or []],
        "units": units,
        "contracts": {symbol: _terms(terms) for symbol, terms in sorted(rules.contracts.items())},
        "position_mode": rules.position_mode,
        "trust_balance_manager": bool(rules.trust_balance_manager),
        "fees": [_fee(rule) for rule in rules.fees or []],
        "learn_fees_up_to": plain(
            DEFAULT_LEARN_FEES_UP_TO if rules.learn_fees_up_to is None else rules.learn_fees_up_to
        ),
        "funding": _funding(rules.funding or Funding()),
        "material_usd": plain(DEFAULT_MATERIAL_USD if rules.material_usd is None else rules.material_usd),
        "cutoff_minute": _minute(rules.cutoff or DEFAULT_CUTOFF),
        "business_days": list[JSON](sorted(WEEKDAYS.index(day) for day in rules.business_days or WEEKDAYS)),
        "venue_account": rules.venue_account,
    }


def _fee(rule: FeeRule) -> dict[str, JSON]:
    return {
        "symbol": rule.symbol,
        "instrument": rule.instrument,
        "maker": _amount(rule.maker),
        "taker": _amount(rule.taker),
        "asset": rule.asset,
    }


def _funding(funding: Funding) -> dict[str, JSON]:
    return {"every_us": microseconds(funding.every), "within_us": microseconds(funding.within)}


def _minute(time_of_day: str) -> int:
    """Return HH:MM as minutes after midnight."""
    hours, minutes = time_of_day.split(":")
    return 60 * int(hours) + int(minutes)


def _tolerance(tolerance: Tolerance) -> dict[str, JSON]:
    return {
        "absolute": plain(tolerance.absolute or ZERO),
        "relative": plain(tolerance.relative or ZERO),
        "usd": plain(tolerance.usd or ZERO),
    }


def _terms(terms: ContractTerms) -> dict[str, JSON]:
    return {
        "multiplier": _amount(terms.multiplier),
        "kind": terms.kind,
        "settlement_asset": terms.settlement_asset,
        "realised": terms.realised,
        "realised_at": terms.realised_at,
        "method": terms.method,
        "balance_includes_unrealised": terms.balance_includes_unrealised,
        "order_unit": terms.order_unit,
        "position_unit": terms.position_unit,
    }


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
