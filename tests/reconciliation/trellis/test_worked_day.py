"""The day that `comparison 6` works by hand, and the costs of `comparison 4`: the page says what is computed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import pytest

from recon.exact import exact
from recon.ledger.fees.fee_key import QUOTE, FeeKey
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg, Stamp
from recon.ledger.rules import FeeRule
from recon.reads.case.path import path_lines
from recon.reconciliation.model.path_evidence import path_item
from recon.reconciliation.trellis import costs
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.amounts import digits_of, to_int
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.steps import Cleared, Committed, Opened, OpeningFound, Told
from recon.times import microseconds

PAGE: Final = (files("recon") / "docs" / "comparison.md").read_text(encoding="utf-8")
DAY: Final = "2026-01-05"
WINDOW: Final = Decimal(1)
TENTH: Final = Decimal("0.1")

Table = list[dict[str, str]]


def tables(*headings: str) -> list[Table]:
    """Return the tables of the page whose first columns have these headings."""
    found, lines = [], PAGE.splitlines()
    for number, line in enumerate(lines):
        titles = cells(line)
        if titles[: len(headings)] != list(headings) or not lines[number + 1].startswith("|---"):
            continue
        rows: Table = []
        for row in lines[number + 2 :]:
            if not row.startswith("|"):
                break
            rows.append(dict(zip(titles, cells(row), strict=True)))
        found.append(rows)
    assert found, headings
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def time_us(text: str) -> int:
    return microseconds(datetime.fromisoformat(f"{DAY}T{text}").replace(tzinfo=UTC))


LEGS, LATE = tables("leg", "stamp")
(REPORTS,) = tables("report", "received")
(LEVELS,) = tables("report", "reported", "cut up to")
(EDGES,) = tables("edge to")
AMOUNTS: Final = [number(leg["cash"]) for leg in LEGS]
FEES: Final = [number(leg["expected fee"]) for leg in LEGS]


def level(report: str, cut: int) -> Decimal:
    """Return the level of a report whose cut has the first legs."""
    (reported,) = (number(row["reported"]) for row in REPORTS if row["report"] == report)
    return reported - sum(AMOUNTS[:cut])


def left_over(before: tuple[str, int], after: tuple[str, int]) -> Decimal:
    """Return what an edge between two reports, each with its cut, leaves over."""
    return level(*after) - level(*before) + sum(FEES[before[1] : after[1]])


def cost_of(cell: str) -> Decimal:
    """Return what the words of a cell cost, in bits, by the table of costs."""
    cost = sum(costs.JUMP + digits_of(to_int(number(amount))) for amount in re.findall(r"jump of (-?[\d,.]+\d)", cell))
    cost += sum(int(costs.LAG * Decimal(late) / WINDOW) for late in re.findall(r"([\d.]+) s of `LAG`", cell))
    cost += costs.PASSED_OVER if "passed over" in cell else 0
    cost += costs.JUMP if "nothing followed" in cell else 0
    return cost * TENTH


# --- the costs


def costs_of_page() -> dict[str, Decimal]:
    return {row["name"].strip("`"): number(row["bits"]) for table in tables("name", "bits") for row in table}


def test_each_cost_of_the_page_is_the_one_in_use_and_none_is_left_out() -> None:
    source = Path(costs.__file__).read_text(encoding="utf-8")
    names = re.findall(r"^([A-Z_]+): Final", source.partition("\n# -- bounds")[0], re.MULTILINE)
    assert len(names) > 10, "the table of costs is found"
    in_use: dict[str, Decimal] = {}
    for name in names:
        value = getattr(costs, name)
        each = {f"{name} {kind}": cost for kind, cost in value.items()} if isinstance(value, dict) else {name: value}
        in_use |= {key: cost * TENTH for key, cost in each.items()}
    assert costs_of_page() == in_use


# --- the arithmetic, with a pencil


def test_the_legs_and_their_fees_are_those_of_the_schedule() -> None:
    for leg in [*LEGS, *LATE]:
        assert number(leg["expected fee"]) == abs(number(leg["cash"])) * Decimal("0.001")
    assert [row["report"] for row in REPORTS] == [row["report"] for row in LEVELS]
    assert [row["reported"] for row in REPORTS] == [row["reported"] for row in LEVELS]


def test_levels_are_reported_minus_the_legs_of_the_cut() -> None:
    for row in LEVELS:
        cut = cut_of(row)
        assert number(row["legs in the cut"]) == sum(AMOUNTS[:cut])
        assert number(row["level"]) == level(row["report"], cut)


def cut_of(row: dict[str, str]) -> int:
    return 0 if row["cut up to"] == "-" else [leg["leg"] for leg in LEGS].index(row["cut up to"]) + 1


def test_edges_leave_over_the_change_of_the_level_beyond_the_fees() -> None:
    for (before, after), edge in zip(pairwise(LEVELS), EDGES, strict=True):
        assert edge["edge to"] == after["report"]
        assert number(edge["change"]) == number(after["level"]) - number(before["level"])
        assert number(edge["fees"]) == sum(FEES[cut_of(before) : cut_of(after)])
        left = left_over((before["report"], cut_of(before)), (after["report"], cut_of(after)))
        assert number(edge["left over"]) == left
        word = re.split(r"[;:]", edge["what explains it"])[0]
        assert word == {"R5": "other_rate", "R6": "jump"}.get(after["report"], "exact")
    bits = {edge["edge to"]: number(edge["bits"]) for edge in EDGES}
    late = Decimal(time_us("10:02:00.200") - time_us("10:02:00.000")) / 1_000_000
    assert bits["R3"] == int(costs.LAG * late / WINDOW) * TENTH
    assert bits["R5"] == costs.OTHER_RATE["same_class"] * TENTH
    assert bits["R6"] == cost_of("jump of -500.50")
    assert sum(bits.values()) == Decimal("37.0")
    assert "The path costs 37.0 bits." in PAGE


@pytest.mark.parametrize(
    ("report", "lefts"),
    [
        ("R3", [left_over(("R2", 1), ("R3", 2)), left_over(("R3", 2), ("R4", 2))]),
        (
            "R6",
            [
                left_over(("R5", 3), ("R6", 4)),
                left_over(("R5", 3), ("R6", 3)),
                left_over(("R6", 3), ("R7", 5)),
                left_over(("R5", 3), ("R7", 5)),  # R6 is passed over
            ],
        ),
    ],
)
def test_other_readings_cost_what_the_page_says(report: str, lefts: list[Decimal]) -> None:
    (readings,) = tables(f"how {report} may be read")
    told = [number(each) for row in readings for each in re.findall(r"jump of (-?[\d,.]+\d)", " ".join(row.values()))]
    assert told == lefts
    for row in readings:
        here, after, together = list(row.values())[1:]
        if not here.startswith("ruled out"):
            assert here.endswith(f": {cost_of(here)}")
            assert after.endswith(f": {cost_of(after)}")
            assert number(together) == cost_of(here) + cost_of(after)
    best, *others = [number(row["together"]) for row in readings if row["together"]]
    assert best < min(others)
    if report == "R6":
        assert f"wins by {min(others) - best} bits" in PAGE


def test_a_late_fill_leaves_nothing_over() -> None:
    (late,) = LATE
    change = level("R6", 4) - number(late["cash"]) - level("R5", 3)
    assert change == Decimal("-2.00")
    assert change + FEES[3] + number(late["expected fee"]) == 0
    assert number("99,993.00") == level("R6", 4) - number(late["cash"])


# --- the same day, computed

KEY: Final = ("A", "asset", "USD")
#: How long after its stamp an execution report comes, in microseconds; no number of the page depends on it.
TRAVEL_US: Final = 100_000

Event = tuple[int, Leg | Decimal]


class Day:
    """Plays legs and reports, and keeps what is told with its log time."""

    def __init__(self) -> None:
        rates = RateTable()
        rates.tell([FeeRule(maker=Decimal("0.001"), taker=Decimal("0.002"), asset=QUOTE)])
        self.trellis = AccountTrellis("A", rates, int(WINDOW * 1_000_000))
        self.told: list[tuple[int, Told]] = []
        self.paths: list[list[str]] = []
        self.next_step: int | None = None

    def play(self, events: list[Event], until: str) -> None:
        with exact():
            for seq, (us, what) in enumerate(sorted(events, key=lambda event: event[0]), start=1):
                self.advance(us)
                if isinstance(what, Leg):
                    self.trellis.add_leg(KEY, what, us)
                else:
                    self.trellis.report(KEY, Report(seq, us, (what,), quantum=Decimal("0.01")))
            self.advance(time_us(until))

    def advance(self, until: int) -> None:
        first = -(-until // costs.STEP_US) * costs.STEP_US if self.next_step is None else self.next_step
        for due in range(first, until + 1, costs.STEP_US):
            self.next_step = due
            for each in self.trellis.advance(due):
                self.told.append((due, each))
                if isinstance(each, Opened):
                    path = self.trellis.explain(each.step)
                    assert path is not None
                    item = msgspec.json.decode(msgspec.json.encode(path_item(path)))
                    self.paths.append(list(path_lines({"evidence": [item], "unit": "USD"})))

    def opened(self) -> list[tuple[int, Opened]]:
        return [(us, each) for us, each in self.told if isinstance(each, Opened)]


def leg_events(legs: Table, arrived: str | None = None) -> list[Event]:
    found: list[Event] = []
    for row in legs:
        amount, us = number(row["cash"]), time_us(row["stamp"])
        came = us + TRAVEL_US if arrived is None else time_us(arrived)
        key = FeeKey(QUOTE, 1 if amount > 0 else -1, row["order"], "any")
        found.append((came, Leg(amount, Stamp(us, 1), came, row["leg"], amount, key, rounded=True)))
    return found


def report_events(**other: str) -> list[Event]:
    """Return the reports of the page; some may say something else."""
    return [(time_us(row["received"]), number(other.get(row["report"], row["reported"]))) for row in REPORTS]


@pytest.fixture(scope="module")
def day() -> Day:
    played = Day()
    played.play([*leg_events(LEGS), *report_events(), *leg_events(LATE, "10:05:30")], "10:20:00")
    return played


def test_the_path_is_that_of_the_page(day: Day) -> None:
    (opening,) = [each for _, each in day.told if isinstance(each, OpeningFound)]
    assert opening.level == number(LEVELS[0]["level"])
    final = {each.at_us: each for us, each in day.told if isinstance(each, Committed) and us < time_us("10:05:30")}
    for edge, report in zip(EDGES, REPORTS[1:], strict=True):
        told = final.pop(time_us(report["received"]), None)
        if told is None:
            assert number(edge["change"]) == 0, "an edge on which nothing happened is not told"
            continue
        assert told.kind == re.split(r"[;:]", edge["what explains it"])[0]
        assert told.jump == (number(edge["left over"]) if told.kind == "jump" else 0)
        assert told.jump + told.accrual == number(edge["change"])
    assert not final


def test_the_break_opens_when_and_as_the_page_says(day: Day) -> None:
    ((us, opened),) = day.opened()
    assert us == time_us("10:04:24.6")
    assert "At 10:04:24.6 the break opens, with the amount -500.50 USD." in PAGE
    step = opened.step
    assert (step.amount, step.at_us, step.after_us) == (
        Decimal("-500.50"), time_us(REPORTS[5]["received"]), time_us("10:02:59.4"),
    )  # fmt: skip
    assert "Its interval is from 10:02:59.4, one second before R5, to 10:04:20.6." in PAGE
    assert step.alternatives == (Decimal(998),)
    assert "Its amount of 998.00 is listed as another possible one." in PAGE


def test_break_show_says_what_the_page_shows(day: Day) -> None:
    (path,) = day.paths
    assert "```\n" + "\n".join(path) + "\n```\n" in PAGE


def test_the_late_fill_clears_it(day: Day) -> None:
    later = [(us, each) for us, each in day.told if us >= time_us("10:05:30")]
    ((us, cleared),) = [(us, each) for us, each in later if isinstance(each, Cleared)]
    assert (us, cleared.reason) == (time_us("10:05:30"), "path")
    assert sum(each.jump for _, each in day.told if isinstance(each, Committed)) == 0
    fees = sum(FEES) + 1 + number(LATE[0]["expected fee"])
    assert sum(each.accrual for _, each in day.told if isinstance(each, Committed)) == -fees


def test_a_loss_of_the_size_of_a_fee_waits_until_two_more_sales_pay_the_old_rate() -> None:
    lost = report_events(R6="101489.50", R7="100688.70")
    sale = leg_events([{"leg": "F7", "stamp": "10:06:00.000", "order": "post_only", "cash": "1,000.00"}])
    after = [(time_us("10:06:00.5"), Decimal("101687.70"))]
    again = leg_events([{"leg": "F8", "stamp": "10:06:10.000", "order": "post_only", "cash": "1,000.00"}])
    after_both = [(time_us("10:06:10.5"), Decimal("102686.70"))]
    alone, refuted = Day(), Day()
    alone.play([*leg_events(LEGS), *lost], "10:06:00")
    assert not alone.opened(), "suspense lasts while a new rate may be the reason"
    refuted.play([*leg_events(LEGS), *lost, *sale, *after, *again, *after_both], "10:06:20")
    ((us, opened),) = refuted.opened()
    assert us > time_us("10:06:10.5")
    assert (opened.step.amount, opened.step.kind) == (Decimal(-4), "novel")


@pytest.mark.parametrize(("cash", "fees_that_tell_it"), [("10,000", 2), ("1,000", 3)])
def test_a_new_tier_is_adopted_as_semantics_8_5_says(cash: str, fees_that_tell_it: int) -> None:
    size, balance = number(cash), Decimal(100_000)
    row = {"order": "post_only", "cash": cash}
    legs = leg_events([{**row, "leg": f"F{n}", "stamp": f"10:0{n}:00.000"} for n in range(1, 6)])
    reports: list[Event] = [(time_us("10:00:00"), balance)]
    for minute in range(1, 6):
        balance += size - size * Decimal("0.001" if minute < 3 else "0.0008")
        reports.append((time_us(f"10:0{minute}:00.5"), balance))
    day = Day()
    day.play([*legs, *reports], "11:30:00")
    assert not day.opened()
    waited = [each for _, each in day.told if isinstance(each, Committed) and each.kind == "novel"]
    assert len(waited) == fees_that_tell_it - 1, "the last of them is explained at once"
