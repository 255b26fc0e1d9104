"""The fields of a screen's filters: the names of `--filter`, with what was asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from recon.reads.filter import Filter, of_pairs


class Field(msgspec.Struct, frozen=True):
    """A field: its name, what was asked for, what can be chosen (nothing: any text), and what to write there."""

    name: str
    value: str
    choices: Sequence[str] = ()
    hint: str = ""


def filter_of(query: Mapping[str, str], names: Sequence[str]) -> Filter:
    """Return the filter of an address. Errors: ConfigError."""
    return of_pairs((name, query[name]) for name in names if query.get(name))


def fields_of(
    query: Mapping[str, str], names: Sequence[str], choices: Mapping[str, Sequence[str]] | None = None
) -> list[Field]:
    """Return the fields of these names; a value that is none of the choices is one all the same."""
    known = choices or {}
    fields = []
    for name in names:
        value, chosen = query.get(name, ""), list(known.get(name, ()))
        if value and chosen and value not in chosen:
            chosen.append(value)
        fields.append(Field(name, value, chosen))
    return fields
