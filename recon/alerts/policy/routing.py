"""Which channels a signal goes to, how, and by which rule; and whether a move is material. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from recon.alerts.policy.model import Signal, Silence
from recon.alerts.policy.rules import SEVERITIES, Gate, Maintenance, Move, Policy, Route
from recon.display.figures import shown
from recon.display.worth import worth

#: From the vaguest to the surest.
CERTAINTIES: Final = ("candidate", "inferred", "exact")


class Way(msgspec.Struct, frozen=True):
    """One channel that a signal is sent to; `page`: at once, else with the digest."""

    channel: str
    page: bool
    reason: str


class Ways(msgspec.Struct, frozen=True):
    """Where a signal goes; `refused`: a route says that nobody is told. `reason` says why there is no way."""

    ways: tuple[Way, ...]
    refused: bool = False
    reason: str = ""


def ways_of(policy: Policy, signal: Signal) -> Ways:
    """Return where the routes send a signal; of two ways to one channel, the page holds."""
    chosen: dict[str, Way] = {}
    taken: Route | None = None
    for route in policy.routes:
        if not takes(route, signal):
            continue
        taken = route
        for way in _ways(policy, route, signal):
            known = chosen.get(way.channel)
            if known is None or (way.page and not known.page):
                chosen[way.channel] = way
        if not route.goes_on:
            break
    if chosen:
        return Ways(tuple(chosen.values()))
    if taken is None:
        return Ways((), reason="no route takes it")
    return Ways((), refused=taken.send == "nothing", reason=f"route {taken.name} sends it nowhere")


def _ways(policy: Policy, route: Route, signal: Signal) -> Iterator[Way]:
    if route.send == "nothing":
        return
    page, why = _sent_at_once(policy.gate, route, signal)
    for channel in route.channels or policy.channels:
        # A route may also name receivers of what is open: they get no messages (`Hearing`).
        if channel in policy.channels:
            yield Way(channel, page, f"route {route.name}{why}")


def _sent_at_once(gate: Gate, route: Route, signal: Signal) -> tuple[bool, str]:
    """Return whether it is sent at once, and what in the gate decided."""
    if route.send != "gate":
        return route.send == "page", ""
    if not signal.certainty:
        return True, ""
    if signal.kind == "wants_approval":
        return True, ": somebody waits for a second person"
    if signal.certainty in gate.certainties:
        return True, f": the cause is {signal.certainty}"
    if gate.severity and at_least(signal.severity, gate.severity):
        return True, f": severity {signal.severity}"
    return False, f": {signal.certainty}, severity {signal.severity or 'unknown'}"


def takes(route: Route, signal: Signal) -> bool:
    """True if a route takes a signal."""
    return (
        (not route.severity or at_least(signal.severity, route.severity))
        and matches(route.causes, signal.cause)
        and matches(route.certainties, signal.certainty)
        and matches(route.gateways, signal.gateway)
        and matches(route.accounts, signal.account)
        and matches(route.units, signal.unit)
        and matches(route.events, signal.event)
    )


def matches(globs: Sequence[str], text: str) -> bool:
    """True if a text is one of these names, or one of these globs fits it; an empty list takes everything."""
    return not globs or any(fnmatchcase(text, glob) for glob in globs)


def at_least(severity: str, least: str) -> bool:
    """True if a severity is known and no less than another; every severity is at least ""."""
    return not least or (severity in SEVERITIES and SEVERITIES.index(severity) >= SEVERITIES.index(least))


def worst(severities: Sequence[str]) -> str:
    """Return the most severe; "" if none is known."""
    return max((each for each in severities if each in SEVERITIES), key=SEVERITIES.index, default="")


def is_silenced(silence: Silence, *, gateway: str, account: str, unit: str, case_id: str, cause: str) -> bool:
    """True if a silence is about this."""
    return (
        silence.gateway in (None, gateway)
        and silence.account in (None, account)
        and silence.unit in (None, unit)
        and silence.case_id in (None, case_id)
        and silence.cause in (None, cause)
    )


def is_maintained(window: Maintenance, gateway: str, account: str) -> bool:
    """True if a maintenance window is about this gateway and account."""
    return matches(window.gateways, gateway) and matches(window.accounts, account)


def material(move: Move, told: Signal, now: Signal) -> str:
    """Return why what is known now has to be told again; "" if it has not."""
    if now.cause != told.cause:
        return f"the cause was {told.cause or 'unknown'}"
    if at_least(now.severity, told.severity) and now.severity != told.severity:
        return f"severity was {told.severity or 'unknown'}"
    if _surer(now.certainty, told.certainty):
        return f"certainty was {told.certainty or 'unknown'}"
    return _moved(move, told, now)


def _surer(now: str, told: str) -> bool:
    rank = {name: number for number, name in enumerate(CERTAINTIES)}
    return rank.get(now, -1) > rank.get(told, -1)


def _moved(move: Move, told: Signal, now: Signal) -> str:
    if now.amount is None or told.amount is None:
        return "" if now.amount == told.amount else "its amount is known now, or no longer"
    moved = abs(now.amount - told.amount)
    least = next((amount for glob, amount in move.units if fnmatchcase(now.unit, glob)), None)
    if not moved:
        return ""
    if least is not None and moved >= least:
        return f"it moved by {shown(moved)} {now.unit}"
    if move.share is not None and moved >= move.share * abs(told.amount):
        return f"it moved by {shown(moved)} {now.unit} of {shown(abs(told.amount))}"
    usd = _usd(told, now)
    return f"it moved by {worth(usd)}" if move.usd is not None and usd is not None and usd >= move.usd else ""


def _usd(told: Signal, now: Signal) -> Decimal | None:
    if now.amount_usd is None or told.amount_usd is None:
        return None
    return abs(now.amount_usd - told.amount_usd)
