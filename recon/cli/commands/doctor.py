"""`recon doctor`: settings, gateways, database, roles, clock, disk and backups, looked at in one go."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from recon.cli.checkup import Check, checkup
from recon.cli.options import Config, Json, settings_file, settings_of
from recon.cli.output import note, print_json, write
from recon.cli.tables import terminal
from recon.cli.tables.look import Look
from recon.cli.tables.parts import BETWEEN
from recon.cli.tables.text import command_lines, width_of, wrapped
from recon.display.shapes import shape_of
from recon.display.words import counted, safe

#: How long each site of a gateway is listened to, in seconds.
LISTEN_SECONDS: Final = 5.0
#: The words whose shapes stand for the states of a check.
_WORDS: Final = {"ok": "ok", "hint": "look at", "failed": "failed"}
#: Columns before what was found.
_ROOM: Final = 26


def doctor(
    *,
    config: Config = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no gateway.")] = False,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, max=600, help="How long to wait for a site's first messages.")
    ] = LISTEN_SECONDS,
    json: Json = False,
) -> None:
    """Look at everything that recon needs, and say what to do.

    Settings, database, roles, clock, disk, the last backup, and each site of the gateways. Nothing is changed and
    nothing is recorded. Exit status: 0 nothing failed, though there may be hints; 1 something failed; 2 the settings
    cannot be used.
    """
    settings = settings_of(config)
    look = terminal.look()
    found: list[Check] = []
    for each in checkup(settings, settings_file(config), seconds=None if offline else seconds):
        found.append(each)
        if not json:
            write("".join(f"{line}\n" for line in check_lines(each, look)))
    failed = [each for each in found if each.state == "failed"]
    if json:
        print_json({"ok": not failed, "checks": [msgspec.structs.asdict(each) for each in found]})
    else:
        note(_sum(found, failed))
    if failed:
        raise typer.Exit(1)


def _sum(found: list[Check], failed: list[Check]) -> str:
    hints = sum(each.state == "hint" for each in found)
    told = f", {counted(hints, 'hint')}" if hints else ""
    if not failed:
        return f"{counted(len(found), 'check')}: nothing failed{told}"
    named = ", ".join(f"{each.area} {each.check}" for each in failed)
    return f"{len(failed)} of {counted(len(found), 'check')} failed: {safe(named)}{told}"


def check_lines(check: Check, look: Look) -> list[str]:
    """Return a check as lines: its shape, what it is of, what was found, and what to do."""
    shape = shape_of(_WORDS[check.state])
    mark = look.painted(shape.glyph if look.glyphs else shape.ascii, shape.style)
    title = look.written(safe(f"{check.area}: {check.check}"))
    start = f"{mark} {title}"
    pad = _ROOM - len(title) - 2
    lines = wrapped(look.written(safe(check.detail)), max(look.width - _ROOM, 20))
    first = [f"{start}{' ' * pad}{lines[0]}"] if pad > 0 else [start, f"{' ' * _ROOM}{lines[0]}"]
    return [
        *first,
        *(f"{' ' * _ROOM}{line}" for line in lines[1:]),
        *_advice_lines(check.advice, look),
    ]


def _advice_lines(advice: str, look: Look) -> list[str]:
    """Return what to do: a command below what was found, or further left where it does not fit there."""
    text, width = look.written(safe(advice)), look.width - _ROOM
    if not advice.startswith("recon "):
        return [f"{' ' * _ROOM}{line}" for line in wrapped(text, max(width, 20))] if advice else []
    indent = " " * _ROOM if width_of(text) <= width else BETWEEN
    return [indent + line for line in command_lines(text, look.width - width_of(indent))]
