"""Whether the service lives and whether it is ready, from what its parts say of themselves. Pure.

1. It lives as long as its parts move, whatever they fail at: only what stands still is mended by a restart.
2. It is ready if it records or stands by, and its books follow. What others do, such as a venue that is down, is noted
   and makes nobody unready: the page that explains it must stay reachable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

#: Nothing that a part does lasts longer than this, in seconds: the longest deadline of a transaction, twice, and what
#: cutting it off takes.
STUCK_SECONDS: Final = 180.0
#: Books are behind once the next event has waited for so long, in seconds.
BEHIND_SECONDS: Final = 10.0

_RECORDING: Final = "recording"
_STANDBY: Final = "standby"
_FOLDING: Final = frozenset({"following", "second"})
#: States of a part that does its work badly, or not at all.
POOR: Final = frozenset({"restarting", "retrying", "refusing", "slow"})


class PartView(Protocol):
    """What a part says of itself."""

    @property
    def gateway(self) -> str:
        """Return its gateway; empty: the service's."""
        ...

    @property
    def part(self) -> str:
        """Return its name."""
        ...

    @property
    def state(self) -> str:
        """Return what it is doing."""
        ...

    @property
    def detail(self) -> str:
        """Return why."""
        ...

    @property
    def since(self) -> datetime:
        """Return since when."""
        ...


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why the service does not live or is not ready, or what is to be noted: which part, its state, and why."""

    part: str
    state: str
    why: str
    gateway: str = ""
    since: datetime | None = None


class Liveness(msgspec.Struct, frozen=True):
    """Whether the process does its work; if not, restart it."""

    alive: bool
    reasons: Sequence[Reason] = ()


class Readiness(msgspec.Struct, frozen=True):
    """Whether the service does what it is there for: it records or stands by, and its books follow."""

    ready: bool
    reasons: Sequence[Reason] = ()
    notes: Sequence[Reason] = ()
    recording: Sequence[str] = ()
    standby: Sequence[str] = ()


def liveness(stillness: Mapping[tuple[str, str], float]) -> Liveness:
    """Judge how long each (gateway, part) has stood still, in seconds."""
    stuck = [
        Reason(part, "stuck", f"it has not moved for {seconds:.0f} s; restart the service", gateway)
        for (gateway, part), seconds in sorted(stillness.items())
        if seconds > STUCK_SECONDS
    ]
    return Liveness(not stuck, stuck)


def readiness(
    gateways: Sequence[str], parts: Sequence[PartView], living: Liveness, behind: Mapping[str, float]
) -> Readiness:
    """Judge what the parts of these gateways say; `behind` is how long each one's next event has waited, in seconds."""
    states = {(part.gateway, part.part): part for part in parts}
    reasons, notes = [*living.reasons], [*_notes(parts)]
    recorders = {name: states.get((name, "recorder")) for name in gateways}
    for name, recorder in recorders.items():
        reasons += _unrecorded(name, recorder, states.get((name, "gateway")))
        reasons += _unfolded(name, states.get((name, "projector")), behind.get(name, 0.0))
    postgres = states.get(("", "postgres"))
    if postgres is not None and postgres.state != "running":
        reasons.append(_reason(postgres, "the embedded database is down: "))
    by_state = {name: "" if recorder is None else recorder.state for name, recorder in recorders.items()}
    return Readiness(
        ready=not reasons,
        reasons=reasons,
        notes=notes,
        recording=[name for name, state in by_state.items() if state == _RECORDING],
        standby=[name for name, state in by_state.items() if state == _STANDBY],
    )


def _unrecorded(gateway: str, recorder: PartView | None, supervised: PartView | None) -> Iterator[Reason]:
    """Yield why a gateway is neither recorded nor waited for."""
    if recorder is None:
        if supervised is not None and supervised.state in POOR:
            yield _reason(supervised, "no lease: ")
        else:
            yield Reason("recorder", "starting", "it has not asked for the lease yet", gateway)
    elif recorder.state not in {_RECORDING, _STANDBY}:
        yield _reason(recorder, "no lease, or the log takes nothing: ")


def _unfolded(gateway: str, projector: PartView | None, behind: float) -> Iterator[Reason]:
    """Yield why a gateway's books do not follow."""
    if projector is None:
        yield Reason("projector", "starting", "it has not read the log yet", gateway)
    elif projector.state not in _FOLDING:
        yield _reason(projector, "the books do not follow: ")
    elif projector.state == "following" and behind > BEHIND_SECONDS:
        yield Reason("projector", "behind", f"the next event has waited for {behind:.0f} s", gateway, projector.since)


def _notes(parts: Sequence[PartView]) -> Iterator[Reason]:
    """Yield what is to be noted of the parts that do not decide."""
    for part in parts:
        if part.part == "consumer" and part.state != "open":
            yield _reason(part, "no session with the gateway: ")
        elif part.part not in {"consumer", "recorder", "projector", "postgres"} and part.state in POOR:
            yield _reason(part, "")


def _reason(part: PartView, before: str) -> Reason:
    return Reason(part.part, part.state, f"{before}{part.detail}".strip(": "), part.gateway, part.since)
