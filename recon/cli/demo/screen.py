"""The live screen of the demonstration: a picture of the views, drawn for a terminal of any size. Pure."""

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
from recon.cli.demo.snapshot import Picture
from recon.cli.output import Row, safe, styled, text_of
from recon.exact import plain

#: Digits after the point that the screen has room for; what is longer ends in an ellipsis.
MAX_DIGITS: Final = 8
#: Lines of the screen that are not units: heading, gateways, borders.
_FRAME_LINES: Final = 6

_FIRST: Final = ("break", "stale", "pending")
#: Columns that keep their room, in characters; the others give way.
_ROOM: Final = {"at": 8, "event": 7, "alert": 13, "verdict": 10, "state": 12, "since": 8}


class Scene(msgspec.Struct, frozen=True):
    """What the screen shows beside the views: the clock, the rate, and what the receiver of alerts got."""

    elapsed: float
    duration: float
    events_per_second: float
    planted: int
    received: int
    deliveries: Sequence[Delivery]
    lines: int


def short(value: object) -> str:
    """Write a number in the room that there is; it is exact unless it ends in an ellipsis."""
    if not isinstance(value, Decimal):
        return text_of(value)
    whole, point, digits = plain(value).partition(".")
    digits = digits.rstrip("0")
    if not point or not digits:
        return whole
    return f"{whole}.{digits}" if len(digits) <= MAX_DIGITS else f"{whole}.{digits[:MAX_DIGITS]}…"


def draw(picture: Picture, scene: Scene) -> RenderableType:
    """Draw the whole screen."""
    layout = Layout()
    layout.split_column(
        Layout(_heading(picture, scene), size=1),
        Layout(_gateways(picture), size=len(picture.gateways) + 3),
        Layout(name="body"),
    )
    room = scene.lines - len(picture.gateways) - _FRAME_LINES
    layout["body"].split_row(
        Layout(_units(picture, max(room - 2, 1)), ratio=3),
        Layout(Group(_steps(picture, room // 2), _deliveries(scene, room - room // 2)), ratio=2),
    )
    return layout


def _heading(picture: Picture, scene: Scene) -> Text:
    done = min(scene.elapsed / scene.duration, 1.0) if scene.duration else 1.0
    parts = [
        ("recon demo", "bold"),
        (f"  {scene.elapsed:3.0f} s of {scene.duration:.0f} ({done:.0%})", ""),
        (f"  {picture.events} events, {scene.events_per_second:.0f}/s", "cyan"),
        (f"  {scene.planted} faults planted", ""),
        (f"  {picture.open_breaks} breaks open", "bold red" if picture.open_breaks else "green"),
        (f"  {scene.received} alerts sent", ""),
    ]
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name in columns:
        justify = "right" if name in right else "left"
        room = _ROOM.get(name)
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", min_width=room)  # type: ignore[arg-type]
    return table


def _gateways(picture: Picture) -> Panel:
    table = _table("gateway", "state", "since", "events", "behind", "", right=("events", "behind"))
    for row in picture.gateways:
        table.add_row(
            text_of(row["name"]),
            styled(row["state"]),
            _clock(row["connected_at"] or row["changed_at"]),
            text_of(row["head_seq"]),
            text_of(row["lag_events"]),
            Text(str(row["detail"] or row["reason"] or ""), style="dim"),
        )
    return Panel(table, title="gateways", title_align="left")


def _units(picture: Picture, room: int) -> Panel:
    table = _table(
        "account", "unit", "reported", "expected", "drift", "verdict", right=("reported", "expected", "drift")
    )
    # What needs a look comes first, so that a small terminal shows it.
    rows = sorted(picture.units, key=lambda row: row["verdict"] not in _FIRST)
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
    counts = ", ".join(f"{count} {verdict}" for verdict, count in picture.verdicts().items())
    return Panel(table, title=f"positions and balances: {counts}", title_align="left")


def _steps(picture: Picture, room: int) -> Panel:
    table = _table("at", "event", "account", "unit", "amount", "cause", right=("amount",))
    for row in picture.steps[: max(room - 3, 1)]:
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


def _deliveries(scene: Scene, room: int) -> Panel:
    table = _table("at", "alert", "account", "unit", "amount", right=("amount",))
    told = [(delivery.at, alert) for delivery in reversed(scene.deliveries) for alert in delivery.alerts]
    for at, alert in told[: max(room - 3, 1)]:
        table.add_row(_clock(at), safe(alert.type), safe(alert.account), safe(alert.unit), short(alert.amount))
    return Panel(table, title="alerts received, signature checked", title_align="left", height=max(room, 3))


def _clock(at: object) -> str:
    return f"{at:%H:%M:%S}" if isinstance(at, datetime) else text_of(at)
