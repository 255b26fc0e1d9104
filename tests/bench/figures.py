"""What was measured, and what it is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True):
    """One figure; `note` tells how it came about."""

    name: str
    value: float
    unit: str
    note: str = ""


class Figures:
    """The figures of one run, by key, in the order in which they were measured."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._figures: dict[str, Figure] = {}
        self._say = say

    def add(self, key: str, name: str, value: float, unit: str, note: str = "") -> None:
        self._figures[key] = Figure(name, value, unit, note)
        self._say(f"{name}: {shown(value, unit)}")

    def get(self, key: str) -> float | None:
        figure = self._figures.get(key)
        return None if figure is None else figure.value

    def ratio(self, key: str, above: str, below: str) -> float | None:
        """Return a ratio of two figures, which is remembered under a key; None where one was not measured."""
        upper, lower = self._figures.get(above), self._figures.get(below)
        if upper is None or lower is None or not lower.value:
            return None
        if key not in self._figures:
            self._figures[key] = Figure(f"{upper.name} / {lower.name}", upper.value / lower.value, "x")
        return self._figures[key].value

    def table(self) -> Table:
        table = Table(title="Figures", title_justify="left")
        table.add_column("what")
        table.add_column("figure", justify="right", no_wrap=True)
        table.add_column("how")
        for figure in self._figures.values():
            table.add_row(figure.name, shown(figure.value, figure.unit), figure.note)
        return table


class Target(msgspec.Struct, frozen=True):
    """A figure to reach: `figure` gives it, None where it was not measured; `at_least` or `at_most` judges it."""

    name: str
    figure: Callable[[Figures], float | None]
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    def verdict(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


def _at(key: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.get(key)


def _of(key: str, above: str, below: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(key, above, below)


TARGETS: Final = (
    Target("all balances as of a time", _at("as_of.all"), "ms", at_most=300),
    Target("one balance as of a time", _at("as_of.one"), "ms", at_most=10),
    Target(
        "entries inserted with / without indexes of late ones",
        _of("as_of.insert", "as_of.insert.with", "as_of.insert.without"),
        "x",
        at_least=0.9,
    ),
    Target("end to end, saturated", _at("saturated"), "/s", at_least=16_000),
    Target("end to end / bare receive", _of("of_bare", "saturated", "bare"), "x", at_least=0.45),
    Target("projected p99 at 2,000 offered, by task", _at("projected_p99_2000"), "ms", at_most=15),
    Target("projected p99 at 2,000 offered, by process", _at("projected_p99_2000_process"), "ms", at_most=15),
    Target("projected p99 at 5,000 offered, by task", _at("projected_p99_5000"), "ms", at_most=40),
    Target("projected p99 at 5,000 offered, by process", _at("projected_p99_5000_process"), "ms", at_most=40),
    Target("told since the commit that decides, p99", _at("told_commit_p99"), "ms", at_most=250),
    Target("append / eventsourcing, batched", _of("append_vs", "append_1000", "es_1000"), "x", at_least=3.5),
    Target("projection / eventsourcing's runner", _of("project_vs", "projection", "es_runner"), "x", at_least=25),
    Target("comparing and classifying, of end to end", _at("stream_share"), "x", at_most=0.25),
    Target("rebuild", _at("rebuild"), "/s", at_least=18_000),
    Target("rebuild of 2, at once / in turn", _of("rebuild_x2", "rebuild_2_of_2", "rebuild_1_of_2"), "x", at_least=1.8),
    Target(
        "append under an open snapshot / append", _of("unharmed", "append_snapshot", "append_100"), "x", at_least=0.9
    ),
    Target("peak memory of the service after 1,000,000 events", _at("memory_million"), "MB", at_most=250),
    Target("memory of a process that folded a long log", _at("flat_memory"), "MB", at_most=250),
    Target("memory at 100 % / at 50 % of 1,000,000 events", _at("memory_growth"), "x", at_most=1.1),
)


def targets(figures: Figures) -> Table:
    """Judge every target; what was not measured says so."""
    table = Table(title="Targets", title_justify="left")
    for name, justify in (("target", "left"), ("wanted", "right"), ("measured", "right"), ("", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=justify == "right")
    for target in TARGETS:
        value = target.figure(figures)
        bound = target.at_least if target.at_least is not None else target.at_most
        wanted = f"{'>=' if target.at_least is not None else '<='} {shown(bound or 0.0, target.unit)}"
        if value is None:
            table.add_row(target.name, wanted, "-", "not measured in this run")
        else:
            table.add_row(
                target.name, wanted, shown(value, target.unit), "reached" if target.verdict(value) else "MISSED"
            )
    return table


def shown(value: float, unit: str) -> str:
    """Write a figure with as many digits as it deserves."""
    if unit == "x":
        return f"{value:,.2f} x"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:,.1f} {unit}"


def console() -> Console:
    """Return the console: tables as wide as they need, plain when piped."""
    made = Console()
    return made if made.is_terminal else Console(width=160, no_color=True, highlight=False)
