"""Where each thing has its screen. Pure.

An account and a unit may have a slash in their names, and stay readable: `/units/prod-eu/KRAKEN/JOHN/XXBT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode


def unit_address(gateway: str, account: str, unit: str, kind: str = "asset") -> str:
    """Return the screen of a unit; an asset and a contract of one account may have the same name."""
    return with_query(
        f"/units/{quote(gateway, safe='')}/{quote(account)}/{quote(unit)}",
        [("kind", None if kind == "asset" else kind)],
    )


def case_address(case_id: str) -> str:
    """Return the screen of a case."""
    return f"/cases/{quote(case_id, safe='')}"


def event_address(gateway: str, seq: int) -> str:
    """Return the screen of an event."""
    return f"/log/{quote(gateway, safe='')}/{seq}"


def why_address(gateway: str, case_id: str) -> str:
    """Return the screen of who was told of a case, and why."""
    return with_query("/alerts/why", [("gateway", gateway), ("case", case_id)])


def with_query(path: str, pairs: Iterable[tuple[str, str | None]]) -> str:
    """Return an address with what is asked for; what is None or empty is left out."""
    query = urlencode([(name, value) for name, value in pairs if value])
    return f"{path}?{query}" if query else path
