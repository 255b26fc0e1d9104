"""The live screen of the demonstration: a snapshot of the views, drawn for a terminal of any size. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from recon.cli.demo.receiver import Delivery
from recon.cli.demo.snapshot import Snapshot
from recon.cli.output import Row, text_of
from recon.display.shapes import shape_of
from recon.display.words import safe
from recon.exact import plain

#: Most digits after the point; a longer number ends in an ellipsis.
MAX_DIGITS: Final = 8
#: Lines of the screen that are not units: heading, gateways, borders.
_FRAME_LINES: Final = 6

_FIRST: Final = ("break", "stale", "pending")
#: Columns with a least width, in characters; the others give way.
_ROOM: Final = {"at": 8, "event": 7, "alert": 13, "verdict": 10, "state": 12, "since": 8}


class ScreenState(msgspec.Struct, frozen=True):
    """What the screen shows beside the snapshot: the clock, the rate, and the deliveries received."""

    elapsed: float
    duration: float
    events_per_second: float
    planted: int
    received: int
    deliveries: Sequence[Delivery]
    lines: int


def short(value: object) -> str:
    """Return a number short enough for the screen; it is exact unless it ends in an ellipsis."""
    if not isinstance(value, Decimal):
        return text_of(value)
    whole, point, digits = plain(value).partition(".")
    digits = digits.rstrip("0")
    if not point or not digits:
        return whole
    return f"{whole}.{digits}" if len(digits) <= MAX_DIGITS else f"{whole}.{digits[:MAX_DIGITS]}…"


def styled(value: object) -> Text:
    """Return a value in the style of its state."""
    text = text_of(value)
    return Text(text, style=shape_of(text).style)


def draw(snapshot: Snapshot, state: ScreenState) -> RenderableType:
    """Draw the whole screen."""
    layout = Layout()
    layout.split_column(
        Layout(_heading(snapshot, state), size=1),
        Layout(_gateways(snapshot), size=len(snapshot.gateways) + 3),
        Layout(name="body"),
    )
    room = state.lines - len(snapshot.gateways) - _FRAME_LINES
    layout["body"].split_row(
        Layout(_units(snapshot, max(room - 2, 1)), ratio=3),
        Layout(Group(_steps(snapshot, room // 2), _deliveries(state, room - room // 2)), ratio=2),
    )
    return layout


def _heading(snapshot: Snapshot, state: ScreenState) -> Text:
    done = min(state.elapsed / state.duration, 1.0) if state.duration else 1.0
    parts = [
        ("recon demo", "bold"),
        (f"  {state.elapsed:3.0f} s of {state.duration:.0f} ({done:.0%})", ""),
        (f"  {snapshot.events} events, {state.events_per_second:.0f}/s", "cyan"),
        (f"  {state.planted} faults planted", ""),
        (f"  {snapshot.open_breaks} breaks open", "bold red" if snapshot.open_breaks else "green"),
        (f"  {state.received} alerts sent", ""),
    ]
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name in columns:
        justify = "right" if name in right else "left"
        room = _ROOM.get(name)
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", min_width=room)  # type: ignore[arg-type]
    return table


def _gateways(snapshot: Snapshot) -> Panel:
    table = _table("gateway", "state", "since", "events", "behind", "", right=("events", "behind"))
    for row in snapshot.gateways:
        table.add_row(
            text_of(row["name"]),
            styled(row["state"]),
            _clock(row["connected_at"] or row["changed_at"]),
            text_of(row["head_seq"]),
            text_of(row["lag_events"]),
            Text(str(row["detail"] or row["reason"] or ""), style="dim"),
        )
    return Panel(table, title="gateways", title_align="left")


def _units(snapshot: Snapshot, room: int) -> Panel:
    table = _table(
        "account", "unit", "reported", "expected", "drift", "verdict", right=("reported", "expected", "drift")
    )
    # Units that need attention come first, so that a small terminal shows them.
    rows = sorted(snapshot.units, key=lambda row: row["verdict"] not in _FIRST)
    for row in rows[: room - 1]:
        drift = row["drift"]
        table.add_row(
            text_of(row["account"]),
            text_of(row["unit"]),
            short(row["reported"]),
            short(row["expected"]),
            Text(short(drift), style="red" if row["open_breaks"] else "" if drift else "dim"),
            styled(row["verdict"]),
        )
    counts = ", ".join(f"{count} {verdict}" for verdict, count in snapshot.verdicts().items())
    return Panel(table, title=f"positions and balances: {counts}", title_align="left")


def _steps(snapshot: Snapshot, room: int) -> Panel:
    table = _table("at", "event", "account", "unit", "amount", "cause", right=("amount",))
    for row in snapshot.steps[: max(room - 3, 1)]:
        table.add_row(
            _clock(row["at"]),
            _event(row),
            text_of(row["account"]),
            text_of(row["unit"]),
            short(row["amount"]),
            text_of(row["cause"]),
        )
    return Panel(table, title="breaks", title_align="left", height=max(room, 3))


def _event(row: Row) -> Text:
    return Text(text_of(row["event"]), style="bold red" if row["event"] == "opened" else "green")


def _deliveries(state: ScreenState, room: int) -> Panel:
    table = _table("at", "alert", "account", "unit", "amount", right=("amount",))
    alerts = [(delivery.at, alert) for delivery in reversed(state.deliveries) for alert in delivery.alerts]
    for at, alert in alerts[: max(room - 3, 1)]:
        table.add_row(_clock(at), safe(alert.type), safe(alert.account), safe(alert.unit), short(alert.amount))
    return Panel(table, title="alerts received, signature checked", title_align="left", height=max(room, 3))


def _clock(at: object) -> str:
    return f"{at:%H:%M:%S}" if isinstance(at, datetime) else text_of(at)
