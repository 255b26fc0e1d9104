"""The log of the reports that a gateway received for one account's orders; REST answers from it. Pure.

It is not the venue's truth: it lacks every report that was lost on its way to the gateway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from recon.simulator.ticks import ticks
from recon.simulator.venue.orders import Order, Report

#: Most changes, and most last reports of orders, that are kept per account.
MAX_CHANGES: Final = 200_000
MAX_ORDERS: Final = 50_000


class LoggedReport(NamedTuple):
    """A report, and the time (ticks) at which the gateway received it."""

    at: int
    report: Report


class OrderLog:
    """Every report in the order received, and the last report of each client order id."""

    def __init__(self) -> None:
        self._changes: deque[LoggedReport] = deque(maxlen=MAX_CHANGES)
        self._last: dict[str, LoggedReport] = {}

    def note(self, at: int, report: Report) -> None:
        """Add a report. A report older than the last one of its order changes the log only."""
        self._changes.append(LoggedReport(at, report))
        name = report.order.client_id
        last = self._last.get(name)
        if last is not None and not _supersedes(report, last.report):
            return
        self._last.pop(name, None)
        self._last[name] = LoggedReport(at, report)
        if len(self._last) > MAX_ORDERS:
            del self._last[next(iter(self._last))]

    def forget(self, order: Order) -> None:
        """Drop the last report of an order; its reports stay in the log."""
        last = self._last.get(order.client_id)
        if last is not None and last.report.order is order:
            del self._last[order.client_id]

    def last(self, client_id: str) -> LoggedReport | None:
        """Return the last report of the latest order with this id."""
        return self._last.get(client_id)

    def between(self, first: int, last: int) -> Iterator[LoggedReport]:
        """Yield the reports received between two times (ticks), both included."""
        return (each for each in self._changes if first <= each.at <= last)


def _supersedes(report: Report, last: Report) -> bool:
    if report.order is last.order:
        return len(report.history) > len(last.history)
    return report.history[0][1] > last.history[0][1]


def find(
    accounts: Iterable[OrderLog], client_id: str, *, now: int, remembers: float | None, first_used: bool
) -> Report | None:
    """Return the last report under an id; None if unknown or ended more than `remembers` seconds ago.

    If several accounts used the id, the latest change wins, or with `first_used` the earliest.
    """
    candidates = [each for account in accounts if (each := account.last(client_id)) is not None]
    if remembers is not None:
        horizon = now - ticks(remembers)
        candidates = [each for each in candidates if each.at >= horizon or not each.report.is_final]
    if not candidates:
        return None
    choose = min if first_used else max
    return choose(candidates, key=lambda each: each.at).report
