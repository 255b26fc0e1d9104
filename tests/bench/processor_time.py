"""Processor time of a process and of its children, the dead ones too: what load on the machine does not blur."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: Where Linux tells of processes.
PROCESSES: Final = Path("/proc")
#: Which fields of `stat`, after the program's name, hold the parent, its own times, and those of children that ended.
_PARENT: Final = 1
_OWN: Final = slice(11, 13)
_ENDED: Final = slice(13, 15)


def own_seconds(pid: int, processes: Path = PROCESSES) -> float:
    """Return what a process alone has computed, in seconds; 0 where the system does not tell."""
    try:
        told = (processes / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    return sum(map(int, told.rpartition(")")[2].split()[_OWN])) / os.sysconf("SC_CLK_TCK")


def family_seconds(pid: int, processes: Path = PROCESSES) -> float:
    """Return what a process and its children have computed, in seconds; 0 where the system does not tell."""
    ticks = 0
    for place in processes.glob("[0-9]*/stat"):
        try:
            fields = place.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile; its parent tells of it
        own = place.parent.name == str(pid)
        if own or fields[_PARENT] == str(pid):
            ticks += sum(map(int, fields[_OWN]))
        if own:
            ticks += sum(map(int, fields[_ENDED]))
    return ticks / os.sysconf("SC_CLK_TCK")
