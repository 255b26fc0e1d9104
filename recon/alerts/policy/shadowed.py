"""Routes that never take anything, because those before them take all of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from recon.alerts.policy.routing import at_least, matches
from recon.alerts.policy.rules import Policy, Route


def never_taken(policy: Policy, gateways: Sequence[str]) -> list[tuple[str, str]]:
    """Return each route that can never match, with the reason; `gateways` are those that there are."""
    found: list[tuple[str, str]] = []
    for index, route in enumerate(policy.routes):
        if route.gateways and not any(matches(route.gateways, gateway) for gateway in gateways):
            found.append((route.name, f"no gateway is named {' or '.join(route.gateways)}"))
            continue
        before = (each for each in policy.routes[:index] if not each.goes_on and _covers(each, route))
        by = next(before, None)
        # What the last one would take may all be told already; that is no mistake.
        if by is not None and index < len(policy.routes) - 1:
            found.append((route.name, f"route {by.name} stands before it and takes all that it could"))
    return found


def _covers(one: Route, other: Route) -> bool:
    """True if a route takes whatever another one does."""
    return (
        (not one.severity or at_least(other.severity, one.severity))
        and _within(one.causes, other.causes)
        and _within(one.certainties, other.certainties)
        and _within(one.gateways, other.gateways)
        and _within(one.accounts, other.accounts)
        and _within(one.units, other.units)
        and _within(one.events, other.events)
    )


def _within(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """True if whatever fits the narrow globs fits the wide ones too; False where that is not certain."""
    if not wide:
        return True
    # A set of characters stands for one character, but is written with more.
    plain = all("[" not in glob for glob in (*wide, *narrow)) and all("?" not in glob for glob in wide)
    return bool(narrow) and plain and all(any(fnmatchcase(each, glob) for glob in wide) for each in narrow)
