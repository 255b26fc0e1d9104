"""Balances and positions as a person sees them: by account, with why a unit is not judged. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from recon.cli.output import FIGURES, Column, Row
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Note, Table
from recon.display.words import counted
from recon.reads.unit_advice import advise, advise_then

#: In which order verdicts are counted: what needs somebody first.
_VERDICTS: Final = ("break", "pending", "stale", "agreed", "unmodelled", "unobserved")
#: Figures of one unit, which have one scale.
_ONE_UNIT: Final = (*FIGURES, "balance", "quantity", "opening", "fills")


def _columns(unit: str, title: str, held: str, *more: Column) -> list[Column]:
    return [
        Column("gateway"),
        Column("account"),
        Column(unit, title),
        Column(held, kind="figure", wide=True),
        Column("reported", kind="figure"),
        Column("expected", kind="figure", rank=3),
        Column("drift", kind="signed"),
        *more,
        *(Column(key, kind="signed", wide=True) for key in ("explained", "unexplained", "in_flight")),
        Column("verdict", kind="state"),
        Column("observed_at", "seen", kind="age", rank=1),
        Column("cases", "case", kind="id", rank=2, blank=True),
        Column("agreed_source", "agreed by", wide=True, blank=True),
        Column("agreed_source_at", "as of", kind="age", wide=True, blank=True),
        Column("reason", prose=True, wide=True, blank=True),
    ]


BALANCES: Final = _columns(
    "asset", "asset", "balance", Column("drift_usd", "drift usd", kind="signed_worth", rank=4, blank=True)
)
POSITIONS: Final = _columns("symbol", "contract", "quantity")

#: Of a past time: when a report came, for its age would count from now.
_OF_PAST: Final = {
    "observed_at": Column("observed_at", "seen", kind="time", rank=1),
    "agreed_source_at": Column("agreed_source_at", "as of", kind="time", wide=True, blank=True),
}
_LEGEND: Final = "seen: age of the last report   drift = reported - expected"
_EXPLAINED: Final = "agreed beside a drift: entries such as fees and facts explain it (--wide)"
_LEGEND_OF_PAST: Final = (
    "seen: time of the report, up to a minute before the last one (semantics 7.7)   drift = reported - expected"
)


def units_screen(
    rows: Sequence[Row],
    of_accounts: Sequence[Row],
    columns: Sequence[Column],
    unit: str,
    *,
    moment: str,
    empty: str,
    past: bool = False,
) -> Screen:
    """Return units as a screen; `unit` is the key of their codes. Of a past time each report has its own time.

    `of_accounts` are all units of the accounts, also where a list is narrowed to some.
    """
    shown = [{**row, "cases": tuple(cases) if isinstance(cases := row.get("cases"), list) else None} for row in rows]
    table = Table(
        columns=[_OF_PAST.get(column.key, column) for column in columns] if past else columns,
        rows=shown,
        group=("account", "gateway"),
        units=[_ONE_UNIT],
        notes=_notes(rows, of_accounts, unit, past=past),
    )
    return Screen(
        tables=[table],
        sums=[_sum(rows)],
        moment=moment,
        legend=[_LEGEND_OF_PAST if past else _LEGEND, *([_EXPLAINED] if any(map(_is_explained, rows)) else [])],
        empty=empty,
    )


def _is_explained(row: Row) -> bool:
    """True if a unit agrees although it drifts: a reader would ask why."""
    return row["verdict"] == "agreed" and bool(row["drift"]) and bool(row["explained"])


def _sum(rows: Sequence[Row]) -> str:
    verdicts = Counter(str(row["verdict"]) for row in rows)
    parts = [f"{verdicts[verdict]} {verdict}" for verdict in _VERDICTS if verdicts[verdict]]
    return f"{counted(len(rows), 'unit')}: {', '.join(parts)}"


def _notes(
    rows: Sequence[Row], of_accounts: Sequence[Row], unit: str, *, past: bool
) -> Callable[[Row, Collection[str]], Sequence[Note]]:
    """Return what says below a unit why it is not judged, and the lines of the settings that would change that."""
    by_account: dict[tuple[object, object], list[Row]] = {}
    shown_units = {(row["gateway"], row["account"], row[unit]) for row in rows}
    others = (row for row in of_accounts if (row["gateway"], row["account"], row[unit]) not in shown_units)
    for row in (*rows, *others):
        by_account.setdefault((row["gateway"], row["account"]), []).append(row)

    def notes(row: Row, shown: Collection[str]) -> Sequence[Note]:
        others = by_account[row["gateway"], row["account"]]
        advice = advise_then(row) if past else advise(row, others, unit)
        if advice is None or "reason" in shown:
            return []
        first = next(each for each in others if (each["verdict"], each["reason"]) == (row["verdict"], row["reason"]))
        if row["verdict"] == "stale" and first[unit] != row[unit]:
            return []  # what is true of the whole account is said once
        return [Note("why", advice.why), *(Note("add", line, verbatim=True) for line in advice.add)]

    return notes
