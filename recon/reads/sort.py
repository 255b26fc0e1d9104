"""The order of a list: `--sort usd,-since`, the same words in an address; what is not known comes last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cmp_to_key
from typing import NamedTuple

from recon.db.source import Row
from recon.errors import ConfigError
from recon.nearest import hint


class SortKey(NamedTuple):
    """A column to sort by."""

    column: str
    descending: bool = False


def sort_keys(text: str | None, known: Collection[str]) -> tuple[SortKey, ...]:
    """Return the keys of `column,-column`, a minus for descending. Errors: ConfigError for an unknown column."""
    keys: list[SortKey] = []
    for word in (text or "").split(","):
        name = word.strip()
        if not name:
            continue
        key = SortKey(name.lstrip("-+"), name.startswith("-"))
        if key.column not in known:
            raise ConfigError(f"there is no column {key.column!r} to sort by; {hint(key.column, known)}")
        keys.append(key)
    return tuple(keys)


def order_by(keys: Sequence[SortKey], columns: Mapping[str, str], last: str) -> str:
    """Return the terms of ORDER BY: the keys, and then the list's own order, which leaves no two rows equal."""
    terms = [f"{columns[key.column]}{' DESC' if key.descending else ''} NULLS LAST" for key in keys]
    return ", ".join([*terms, last])


def sorted_rows(rows: Sequence[Row], keys: Sequence[SortKey]) -> list[Row]:
    """Return rows in this order; equal ones stay as they are."""

    def compare(one: Row, other: Row) -> int:
        for key in keys:
            order = _compared(one.get(key.column), other.get(key.column), descending=key.descending)
            if order:
                return order
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def _compared(one: object, other: object, *, descending: bool) -> int:
    one, other = _first(one), _first(other)
    if one is None or other is None:
        return (one is None) - (other is None)
    try:
        less, more = bool(one < other), bool(one > other)  # type: ignore[operator] # what does not compare is caught
    except TypeError:
        less, more = str(one) < str(other), str(one) > str(other)
    return (more - less) * (-1 if descending else 1)


def _first(value: object) -> object:
    """Return what a value is sorted by: of several lines the first."""
    return (value[0] if value else None) if isinstance(value, tuple | list) else value
