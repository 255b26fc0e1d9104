"""What a list is narrowed to: the same words for commands, addresses of the page, and SQL.

1. `name=value`; several values of one name are alternatives, several names hold together.
2. A name that the list does not have, and a value that no row can have, are refused with the nearest that there is.
3. A filter becomes a condition with bound parameters; which column a name stands for, each list says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, get_args

import msgspec

from recon.errors import ConfigError
from recon.nearest import hint, listed
from recon.times import parse_time

#: Where a column's text has this, it is a whole condition, and here are the values as an array.
VALUES: Final = "{values}"
#: Names whose value is a time, each with how a row's time compares.
_TIMES: Final = {"since": ">=", "until": "<"}
#: Longest value, in characters.
MAX_VALUE: Final = 500


class Condition(NamedTuple):
    """A condition of SQL, with its parameters; `true` where nothing is asked for."""

    text: str
    parameters: dict[str, object]


class Filter(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values that are asked for, by name; an empty name asks for nothing."""

    gateway: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    certainty: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    who: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    symbol: tuple[str, ...] = ()
    side: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    case: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    until: tuple[str, ...] = ()

    @property
    def given(self) -> dict[str, tuple[str, ...]]:
        """Return the names that ask for something, with their values."""
        return {name: values for name in NAMES if (values := getattr(self, name))}

    def one(self, name: str) -> str | None:
        """Return the value of a name that has just one; None where it has none, or alternatives."""
        values = self.given.get(name, ())
        return values[0] if len(values) == 1 else None

    def singles(self, of: str, *names: str) -> dict[str, str | None]:
        """Return the one value of each of these names, for a list that takes no other. Errors: ConfigError."""
        self.check_names(names, of)
        for name, values in self.given.items():
            if len(values) > 1:
                raise ConfigError(f"{of} can be of one {name}, or of all; {len(values)} are given")
        return {name: self.one(name) for name in names}

    def pairs(self) -> list[tuple[str, str]]:
        """Return names and values, as an address has them; `of_pairs` reads them back."""
        return [(name, value) for name, values in self.given.items() for value in values]

    def words(self) -> list[str]:
        """Return `name=value` for each value, as `--filter` takes them."""
        return [f"{name}={value}" for name, value in self.pairs()]

    def also(self, **values: str | None) -> Filter:
        """Return the filter with these values besides; those that are None or empty ask for nothing."""
        more = [(name, value) for name, value in values.items() if value]
        return of_pairs([*self.pairs(), *more]) if more else self

    def condition(self, columns: Mapping[str, str], now: datetime, of: str = "this list") -> Condition:
        """Return the condition for a list with these columns; ages count back from `now`.

        A column's text is an expression, or a condition with `{values}` in it. Errors: ConfigError where the list has
        no such name, or the value is no time.
        """
        parts: list[str] = []
        parameters: dict[str, object] = {}
        for name, values in self.given.items():
            column = columns.get(name)
            if column is None:
                raise ConfigError(f"{of} cannot be narrowed by {name}, only by {listed(sorted(columns))}")
            if name in _TIMES:
                parts.append(f"{column} {_TIMES[name]} :{name}")
                parameters[name] = _time(name, values, now)
            else:
                named = f"CAST(:{name} AS text[])"
                parts.append(column.replace(VALUES, named) if VALUES in column else f"{column} = ANY({named})")
                parameters[name] = list(values)
        return Condition(" AND ".join(parts) or "true", parameters)

    def check_names(self, known: Collection[str], of: str) -> None:
        """Refuse a name that a list does not have. Errors: ConfigError."""
        for name in self.given:
            if name not in known:
                names = sorted(each for each in NAMES if each in known)
                by = f", only by {listed(names)}" if names else ""
                raise ConfigError(f"{of} cannot be narrowed by {name}{by}")

    def keeps(self, row: Mapping[str, object], known: Collection[str]) -> bool:
        """True if a row has one of the values of each name, as text; a name that its list lacks does not matter."""
        return all(str(row.get(name)) in values for name, values in self.given.items() if name in known)

    def check_words(self, names: Mapping[str, Callable[[], Collection[str]]] | None = None) -> None:
        """Refuse a value that its name never has, where the values are fixed words. Errors: ConfigError.

        `names` are those whose words the list has instead of the usual ones, such as its own states.
        """
        vocabularies = {**_WORDS, **(names or {})}
        for name, values in self.given.items():
            if name in vocabularies:
                known = vocabularies[name]()
                for value in values:
                    if value not in known:
                        raise ConfigError(f"there is no {name} {value!r}; {hint(value, known, every=True)}")


NAMES: Final[tuple[str, ...]] = Filter.__struct_fields__
#: Columns that are narrowed by a name which is not their own: whoever reads the column asks by that.
_OF_COLUMNS: Final[Mapping[str, str]] = {
    "asset": "unit", "fee_asset": "unit", "case_id": "case", "order_key": "order",
}  # fmt: skip


def of_words(words: Iterable[str]) -> Filter:
    """Return the filter of `--filter name=value` words. Errors: ConfigError."""
    pairs: list[tuple[str, str]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise ConfigError(f"{word!r} is no filter: give name=value, such as state=open")
        pairs.append((name.strip(), value))
    return of_pairs(pairs)


def of_pairs(pairs: Iterable[tuple[str, str]]) -> Filter:
    """Return the filter of names with values, as an address has them; an empty value is left out. Errors: ConfigError.

    A comma separates alternatives where values are fixed words: `state=open,assigned`.
    """
    values: dict[str, list[str]] = {}
    for given, value in pairs:
        name = _OF_COLUMNS.get(given, given)
        if name not in NAMES:
            raise ConfigError(f"there is no filter {name!r}; {hint(name, NAMES)}")
        if len(value) > MAX_VALUE or "\0" in value:
            raise ConfigError(f"the value of {name} is too long, or no text")
        parts = [part.strip() for part in value.split(",")] if name in _WORDS else [value]
        values.setdefault(name, []).extend(part for part in parts if part)
    for name in _TIMES:
        if len(values.get(name, ())) > 1:
            raise ConfigError(f"{name} is given twice; give one time")
    return Filter(**{name: tuple(dict.fromkeys(each)) for name, each in values.items()})


def _time(name: str, values: Sequence[str], now: datetime) -> datetime:
    at = parse_time(values[0], now)
    if at is None:
        raise ConfigError(
            f"{name}={values[0]} is no time: give one such as 2026-01-05T09:00:00Z, or an age such as 30s, 5m, 2h, 1d"
        )
    return at


def _causes() -> Collection[str]:
    from recon.reconciliation.causes.registry import CAUSES  # noqa: PLC0415 - brings the causes, which few filters need

    return CAUSES


def _states() -> Collection[str]:
    from recon.reconciliation.model.break_ import BreakState  # noqa: PLC0415 - as above

    return get_args(BreakState)


#: Names whose values are fixed words.
_WORDS: Final[Mapping[str, Callable[[], Collection[str]]]] = {
    "cause": _causes,
    "certainty": lambda: ("exact", "inferred", "candidate"),
    "state": _states,
    "severity": lambda: ("info", "low", "medium", "high", "critical"),
    "verdict": lambda: ("break", "pending", "stale", "unmodelled", "unobserved", "agreed"),
    "side": lambda: ("BUY", "SELL"),
}
