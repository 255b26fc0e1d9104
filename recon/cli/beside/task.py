"""What is done beside the current books of one gateway, and what a worker tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from recon.cli.archives import reading_of
from recon.cli.connection import connect
from recon.projection.editions import Progress
from recon.projection.rebuild import rebuild
from recon.projection.what_if import what_if


class Rebuild(msgspec.Struct, frozen=True, tag="rebuild"):
    """Rebuild a gateway's books; the answer is a RebuildResult. `archive` has the events that are archived."""

    url: str
    gateway: str
    archive: str | None

    def __repr__(self) -> str:
        """Name the gateway alone."""
        return f"Rebuild({self.gateway!r})"


class Question(msgspec.Struct, frozen=True, tag="what-if"):
    """Ask what a gateway's breaks were under other rules; the answer is a WhatIfReport."""

    url: str
    gateway: str
    archive: str | None
    #: The payload of a rules event.
    rules: bytes

    def __repr__(self) -> str:
        """Name the gateway alone."""
        return f"Question({self.gateway!r})"


Task = Rebuild | Question


class Order(msgspec.Struct, frozen=True):
    """To a worker, as the one line of its input: what to do, and what may be in no text of it."""

    task: Task
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        """Name the task alone."""
        return f"Order({self.task!r})"


class Advanced(msgspec.Struct, frozen=True, tag="advanced"):
    """So many events are done, of so many."""

    done: int
    total: int


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """The answer, as JSON."""

    answer: msgspec.Raw


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """There is no answer: the exit status, and lines that tell a person why."""

    status: int
    lines: list[str]


Message = Advanced | Answered | Failed

encode: Final = msgspec.json.Encoder().encode


def answer(task: Task, progress: Progress) -> bytes:
    """Do a task; return its answer as JSON. Errors: as `rebuild` and `what_if` raise them."""
    archive = None if task.archive is None else Path(task.archive)
    with connect(task.url, "archive") as connection:
        reading = reading_of(archive, connection, task.gateway)
    if isinstance(task, Question):
        return encode(what_if(task.url, task.gateway, task.rules, progress=progress, pages=reading.pages))
    return encode(rebuild(task.url, task.gateway, progress=progress, reading=reading))
