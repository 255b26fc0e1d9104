"""The messages in a session of a gateway check, counted by account, and the steps that follow. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import msgspec

from recon.display.words import counted
from recon.ems.diagnostics.report import StepResult
from recon.ems.protocol.decode import decode
from recon.ems.protocol.messages import Balances, OrderReports, Positions, ServerInfo, Symbols
from recon.ems.protocol.timestamps import parse_time

#: Most accounts that are listed.
MAX_ACCOUNTS: Final = 1000
#: A clock that differs by more milliseconds is reported as a problem.
MAX_SKEW_MS: Final = 1000.0

_MILLISECOND: Final = timedelta(milliseconds=1)
_KINDS: Final = {OrderReports: "orders", Balances: "balances", Positions: "positions", Symbols: "symbols"}


class AccountActivity(msgspec.Struct, frozen=True):
    """The messages of one account: the rows of the last snapshot of each kind, None if none came.

    `lag_ms` is the median time of a heartbeat on its way, by both clocks.
    """

    site: str
    account: str
    orders: int | None
    balances: int | None
    positions: int | None
    symbols: int | None
    heartbeats: int
    lag_ms: float | None
    is_running: bool | None


@dataclass
class _Counts:
    rows: dict[str, int] = field(default_factory=dict)
    lags_ms: list[float] = field(default_factory=list)
    heartbeats: int = 0
    is_running: bool | None = None


class SessionReport:
    """Counts the messages of one session."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Counts] = {}

    def add(self, frame: bytes, received_at: datetime) -> None:
        """Count one frame."""
        message = decode(frame).message
        name = getattr(message, "account", None)
        if name is None or (name not in self._accounts and len(self._accounts) >= MAX_ACCOUNTS):
            return
        counts = self._accounts.setdefault(name, _Counts())
        if isinstance(message, ServerInfo):
            counts.heartbeats += 1
            counts.is_running = message.is_running
            sent_at = parse_time(message.time)
            if sent_at is not None:
                counts.lags_ms.append((received_at - sent_at) / _MILLISECOND)
        elif isinstance(message, Symbols) or (
            isinstance(message, OrderReports | Balances | Positions) and message.snapshot
        ):
            counts.rows[_KINDS[type(message)]] = len(message.rows)

    @property
    def is_complete(self) -> bool:
        """True if every account has sent a heartbeat and each kind of snapshot."""
        return bool(self._accounts) and all(
            counts.heartbeats and len(counts.rows) == len(_KINDS) for counts in self._accounts.values()
        )

    @property
    def names(self) -> list[str]:
        """Return the names of the accounts."""
        return sorted(self._accounts)

    def steps(self, seconds: float, round_trip: timedelta) -> Iterator[StepResult]:
        """Yield the problems of each account, then the clock; `seconds` is the length of the session."""
        for name in self.names:
            yield from _account_steps(name, self._accounts[name], seconds)
        yield _clock_step([lag for counts in self._accounts.values() for lag in counts.lags_ms], round_trip)

    def activity(self, site: str) -> list[AccountActivity]:
        """Return the messages of each account."""
        return [
            AccountActivity(
                site=site,
                account=name,
                orders=counts.rows.get("orders"),
                balances=counts.rows.get("balances"),
                positions=counts.rows.get("positions"),
                symbols=counts.rows.get("symbols"),
                heartbeats=counts.heartbeats,
                lag_ms=round(median(counts.lags_ms), 1) if counts.lags_ms else None,
                is_running=counts.is_running,
            )
            for name, counts in sorted(self._accounts.items())
        ]


def _account_steps(name: str, counts: _Counts, seconds: float) -> Iterator[StepResult]:
    missing = [kind for kind in _KINDS.values() if kind not in counts.rows]
    if not counts.heartbeats:
        yield "account", "failed", f"{name}: no heartbeat came; its connection may be down"
    if counts.is_running is False:
        yield "account", "failed", f"{name}: it reports that it is not running"
    if missing:
        # Whether an account with nothing to report sends an empty snapshot is not documented (protocol 3).
        yield "account", "hint", f"{name}: no snapshot of {', '.join(missing)} in {seconds:g} s; it may have none"


def _clock_step(lags: list[float], round_trip: timedelta) -> StepResult:
    """Return how long heartbeats take by both clocks, and how far the clocks differ; milliseconds."""
    if not lags:
        return "clock", "hint", "no heartbeat carried its time, so latency and clocks cannot be compared"
    way = round_trip / _MILLISECOND / 2
    skew = median(lags) - way
    side = "behind" if skew >= 0 else "ahead of"
    detail = (
        f"{counted(len(lags), 'heartbeat')} took {min(lags):.1f} to {max(lags):.1f} ms by both clocks, median "
        f"{median(lags):.1f} ms; the way alone takes about {way:.1f} ms, so the gateway's clock seems "
        f"{abs(skew):.1f} ms {side} ours"
    )
    if abs(skew) > MAX_SKEW_MS:
        return "clock", "hint", f"{detail}; check the time service (NTP) of both machines"
    return "clock", "ok", detail
