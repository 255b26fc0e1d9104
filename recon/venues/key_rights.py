"""What a key may do beyond reading, as far as its venue tells. Pure.

Each venue has a question of its own for it. What is not listed here does not tell, or ccxt cannot ask it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple


class RightsQuestion(NamedTuple):
    """The method of ccxt that asks, and what reads the rights beyond reading from its answer."""

    method: str
    read: Callable[[Mapping[str, object]], list[str]]


def _of_kraken(answer: Mapping[str, object]) -> list[str]:
    permissions = _table(answer, "result").get("permissions")
    named = permissions if isinstance(permissions, list) else []
    return sorted(str(name) for name in named if not str(name).startswith(("query-", "export-", "access-")))


def _of_binance(answer: Mapping[str, object]) -> list[str]:
    reads = {"enableReading", "ipRestrict", "enableFixReadOnly"}
    return sorted(name for name, value in answer.items() if value is True and name not in reads)


def _of_bybit(answer: Mapping[str, object]) -> list[str]:
    result = _table(answer, "result")
    if str(result.get("readOnly")) == "1":
        return []
    permissions = _table(result, "permissions")
    return sorted(name for name, granted in permissions.items() if granted) or ["write"]


def _of_okx(answer: Mapping[str, object]) -> list[str]:
    rows = answer.get("data")
    granted = [str(row.get("perm")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted({name for names in granted for name in names.split(",")} - {"read_only", ""})


def _of_coinbase(answer: Mapping[str, object]) -> list[str]:
    return sorted(name for name in ("can_trade", "can_transfer") if answer.get(name) is True)


def _table(of: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = of.get(key)
    return value if isinstance(value, dict) else {}


_BINANCE: Final = RightsQuestion("sapi_get_account_apirestrictions", _of_binance)

#: The venues that tell, by their ids in ccxt.
RIGHTS: Final[Mapping[str, RightsQuestion]] = {
    "kraken": RightsQuestion("private_post_getapikeyinfo", _of_kraken),
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "bybit": RightsQuestion("private_get_v5_user_query_api", _of_bybit),
    "okx": RightsQuestion("private_get_account_config", _of_okx),
    "coinbase": RightsQuestion("v3_private_get_brokerage_key_permissions", _of_coinbase),
}
