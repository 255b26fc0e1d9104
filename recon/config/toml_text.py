"""Settings as the text of a TOML file. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(document: Mapping[str, object]) -> str:
    """Return a document of strings, numbers, truths, lists and mappings with string keys as TOML.

    A mapping of mappings is a table for each of them; what lies deeper is written inline.
    """
    return "\n".join(line for name, table in document.items() for line in _table(key(name), table))


def _table(heading: str, table: object) -> Iterator[str]:
    if not isinstance(table, Mapping):
        raise TypeError(f"{heading} is no table")
    if table and all(isinstance(value, Mapping) for value in table.values()):
        for name, part in table.items():
            yield from _entries(f"{heading}.{key(name)}", part)
    else:
        yield from _entries(heading, table)


def _entries(heading: str, entries: Mapping[str, object]) -> Iterator[str]:
    yield f"[{heading}]"
    yield from (f"{key(name)} = {value_text(value)}" for name, value in entries.items())
    yield ""


def key(name: str) -> str:
    """Return a key, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else value_text(name)


def value_text(value: object) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key(name)} = {value_text(each)}' for name, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    # JSON's strings, numbers and truths are TOML's too, but for two: its pairs of escapes, and DEL as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
