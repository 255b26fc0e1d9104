"""The mappings of statements that come with recon, one TOML file each, by the name of venue and export."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "statement_formats"


def ready_formats() -> list[str]:
    """Return the names of all mappings that come with recon."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@cache
def _text_of(name: str) -> str:
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def ready_format(name: str) -> dict[str, object]:
    """Return the keys of a mapping that comes with recon. Raise ValueError where there is none of this name."""
    if name not in ready_formats():
        raise ValueError(f"there is no format {name!r}; there are {', '.join(ready_formats())}")
    return tomllib.loads(_text_of(name))


def over_format(keys: dict[str, object]) -> dict[str, object]:
    """Return the keys of a mapping over those of the format that it names; tables are joined, other keys replaced."""
    name = keys.get("format")
    if not isinstance(name, str):
        return keys
    merged = ready_format(name)
    for key, value in keys.items():
        before = merged.get(key)
        merged[key] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
