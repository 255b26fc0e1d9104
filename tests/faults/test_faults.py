"""The benchmark itself: hand-made rows have the score they should have, and played days reach what they must."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.faults import score as scores
from tests.faults.__main__ import chosen, main, said
from tests.faults.days import PROGRAMMES, RATES, TARGET_RATE, Day, Flow, days, flows, planned
from tests.faults.processes import all_scored
from tests.faults.rows import Explanation, Planted, Step, UnitId
from tests.faults.score import Score, score
from tests.faults.table import markdown, total

D = Decimal
AT: Final = datetime(2026, 1, 5, 9, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
ETH: Final = UnitId("BINANCE", "asset", "ETH")

#: To reach, up to two fills a second and unit. False alarms are at most, all others at least.
TARGETS: Final = {
    "false alarms": 0.0,
    "recall": 1.0,
    "labels": 0.95,
    "ambiguity": 1.0,
    "interval": 0.99,
}
#: What is not reached yet, with the bound that holds: each is told in the README, with its reason.
KNOWN: Final = {
    "false alarms": 2.0,
    "recall": 0.94,
    "labels": 0.94,
    "ambiguity": 0.9,
    "interval": 0.96,
}
BOUNDS: Final = TARGETS | KNOWN


def planted(amount: str = "0.2", *, uncertainty: str = "0.01", causes: tuple[str, ...] = ("missed_fill",)) -> Planted:
    return Planted(
        fault="lost_fill", unit=ETH, amount=D(amount), uncertainty=D(uncertainty), at=AT, cause="missed_fill",
        causes=causes,
    )  # fmt: skip


def step(amount: str = "0.2", event: str = "opened", *, after: float = 5.0, cause: str = "missed_fill") -> Step:
    return Step(
        break_id="b1", unit=ETH, event=event, at=AT + after * SECOND, amount=D(amount), cause=cause,
        certainty="inferred", fits=(cause,), after=AT - SECOND, until=AT + SECOND,
    )  # fmt: skip


def scored(
    truth: list[Planted],
    steps: list[Step],
    *explained: Explanation,
    uncertain: Sequence[Step] = (),
    clean: bool = False,
) -> Score:
    return score(truth, steps, explained, uncertain, accounts=6, clean=clean)


def test_the_score_shares_no_code_with_the_engine() -> None:
    """The matching itself lies in the simulator, which imports nothing of the engine (an import contract)."""
    for module in ("score", "rows"):
        tree = ast.parse(Path(scores.__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        own = {name for name in imported if name.startswith("recon")}
        assert own <= {"recon.simulator.faults.scoring"}


def test_a_fault_that_is_found_named_and_located() -> None:
    found = scored([planted()], [step()])
    assert (found.recall, found.precision, found.accuracy, found.interval) == (1.0, 1.0, 1.0, 1.0)
    assert found.honesty is None
    assert found.delay(50) == 5.0
    assert found.clean_account_days == 0


@pytest.mark.parametrize("amount", ["0.195", "0.209", "0.2"])
def test_amounts_may_differ_by_the_uncertainty(amount: str) -> None:
    assert scored([planted()], [step(amount)]).recall == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        step("0.22"),
        step("-0.2"),
        step(after=-1.0),
        replace(step(), unit=UnitId("BINANCE", "asset", "BTC")),
        replace(step(), unit=UnitId("BINANCE", "contract", "ETH")),
    ],
)
def test_another_unit_amount_or_an_earlier_time_is_a_miss_and_a_false_alarm(wrong: Step) -> None:
    found = scored([planted()], [wrong])
    assert (found.recall, found.precision) == (0.0, 0.0)
    assert found.false_alarms == [wrong]
    assert list(said(DAY, found))


def test_only_openings_alarm_and_only_detectable_faults_are_missed() -> None:
    found = scored([planted(uncertainty="0.3")], [step(event="pending"), step(event="dismissed")])
    assert (found.recall, found.precision, found.hidden) == (None, None, 1)
    assert not found.false_alarms


def test_a_hidden_fault_that_is_found_is_neither_a_false_alarm_nor_counted() -> None:
    found = scored([planted(uncertainty="0.3")], [step()])
    assert (found.recall, found.precision) == (None, 1.0)


def test_on_a_clean_day_every_opening_is_a_false_alarm() -> None:
    found = scored([], [step(), step(event="cleared")], clean=True)
    assert (found.clean_alarms, found.clean_account_days, found.precision) == ([step()], 6, None)


def test_two_steps_that_arrive_as_one_are_both_found() -> None:
    found = scored([planted("0.2"), planted("0.5")], [step("0.7")])
    assert found.recall == 1.0
    assert [each.summed for each in found.found] == [True, True]
    separate = scored([planted("0.2"), planted("0.5")], [step("0.5"), replace(step("0.2"), break_id="b2")])
    assert [each.summed for each in separate.found] == [False, False]


def test_the_last_word_of_a_break_is_its_label() -> None:
    other = replace(step(cause="deposit"), break_id="b2")
    found = scored([planted()], [step(cause="unexplained"), other, step(event="caused")])
    assert found.accuracy == 1.0
    again = scored([planted()], [step(cause="unexplained"), step(after=9.0), step(event="caused", after=10.0)])
    assert again.accuracy == 0.0, "what a break is called when it opens again is another matter"


def test_an_entry_that_explains_counts_as_found_and_as_the_label() -> None:
    entry = Explanation(ETH, AT + SECOND, D("0.2"), "missed_fill", "inferred")
    found = scored([planted()], [], entry)
    assert (found.recall, found.accuracy, found.interval) == (1.0, 1.0, None)
    for other in (replace(entry, cause="fee"), replace(entry, at=AT - SECOND), replace(entry, amount=D("0.3"))):
        assert scored([planted()], [], other).recall == 0.0


SEVERAL: Final = ("missed_fill", "external_order")


@pytest.mark.parametrize(
    ("said_step", "honest"),
    [
        (replace(step(cause="external_order"), certainty="candidate", fits=SEVERAL), 1.0),
        (replace(step(), certainty="candidate", fits=("missed_fill",)), 1.0),
        (replace(step(), certainty="inferred", fits=SEVERAL), 0.0),
        (replace(step(cause="deposit"), certainty="candidate", fits=("deposit", "reward")), 0.0),
    ],
)
def test_ambiguity_must_be_said_with_the_true_cause_among_those_named(said_step: Step, honest: float) -> None:
    found = scored([planted(causes=SEVERAL)], [said_step])
    assert (found.honesty, found.accuracy) == (honest, None)


@pytest.mark.parametrize("causes", [(), ("deposit",), ("deposit", "reward")])
def test_where_the_cause_is_not_among_the_hypotheses_no_label_is_judged(causes: tuple[str, ...]) -> None:
    found = scored([planted(causes=causes)], [step()])
    assert (found.recall, found.accuracy, found.honesty) == (1.0, None, None)


@pytest.mark.parametrize(("after", "until", "held"), [(-1, 1, 1.0), (None, 0, 1.0), (1, 2, 0.0), (-2, -1, 0.0)])
def test_the_interval_holds_the_event_or_not(after: int | None, until: int, held: float) -> None:
    begins = None if after is None else AT + after * SECOND
    assert scored([planted()], [replace(step(), after=begins, until=AT + until * SECOND)]).interval == held


def test_scores_add_up() -> None:
    late = replace(step(), at=AT + 9 * SECOND)
    both = total([scored([planted()], [step()]), scored([planted(), planted("7")], [late])])
    assert (both.account_days, both.openings, len(both.found), len(both.missed)) == (12, 2, 2, 1)
    assert (both.delay(50), both.delay(99)) == (9.0, 9.0)
    assert both.recall == 2 / 3


DAY: Final = Day(Flow(0.5, equal_sizes=False, polled=None), "orders", published=True, seed=1)


def test_the_tables_name_every_flow_and_cause() -> None:
    written = markdown([(DAY, scored([planted()], [step()])), (DAY._replace(published=False), Score())])
    assert "| 0.5/s, varied sizes, after each fill | 0 | - | 0 | 1.000 (1/1) | 1.000 (1/1) |" in written
    assert "| missed_fill | 1.000 (1/1) | 1.000 (1/1) | - | - |" in written
    assert written.endswith("| missed_fill | 1.000 (1/1) |")
    assert "| nothing | 0 | - | 0 | - |" in written


def test_the_days_cover_what_the_benchmark_promises() -> None:
    played = chosen(2)
    assert {day.flow.rate for day in played} == set(RATES) == {0.1, 0.5, 2.0, 10.0}
    assert {(day.flow.equal_sizes, day.flow.polled) for day in played} == {
        (equal, polled) for equal in (False, True) for polled in (None, 1.0)
    }
    assert {day.published for day in played if day.programme is None} == {True, False}
    kinds = {fault.kind.value for faults in PROGRAMMES.values() for fault in faults}
    assert kinds >= {
        "lost_fill", "lost_twin", "twin_fills", "external_order", "disconnect_with_fills", "funding", "interest",
        "reward", "conversion", "deposit", "withdrawal", "transfer", "liquidation", "adl", "expiry", "unit_or_side",
        "overfill", "amount_regression", "inconsistent_report", "fee", "wrong_balance", "late_fill",
    }  # fmt: skip
    one, other = (planned(PROGRAMMES["positions"], seed) for seed in (1, 2))
    assert one != other
    together = {fault.after for fault in one if fault.account == "KRAKEN/JOHN"}
    assert len(together) == 1, "two faults at once stay together"


def measured(played: Score) -> dict[str, float | None]:
    alarms = scores.share(len(played.clean_alarms), played.clean_account_days)
    return {
        "false alarms": alarms,
        "recall": played.recall,
        "labels": played.accuracy,
        "ambiguity": played.honesty,
        "interval": played.interval,
    }


def assert_within(played: Score, bounds: dict[str, float]) -> None:
    found = measured(played)
    assert None not in found.values(), found
    worse = {
        name: (value, bounds[name])
        for name, value in found.items()
        if value is not None and (value > bounds[name] if name == "false alarms" else value < bounds[name])
    }
    assert not worse, f"measured, bound: {worse}"


QUICK: Final = (Flow(0.5, equal_sizes=False, polled=None), Flow(2.0, equal_sizes=True, polled=1.0))


def test_a_few_days_stay_within_the_bounds() -> None:
    assert_within(total(each for _, each in all_scored(days(QUICK, [1]), processes=1)), BOUNDS)


def test_the_same_day_has_the_same_score_whichever_process_plays_it() -> None:
    pair = days(QUICK[:1], [2])[2:4]
    assert list(all_scored(pair, processes=1)) == list(all_scored(pair))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("rate", [rate for rate in RATES if rate <= TARGET_RATE])
def test_many_days_reach_the_targets_or_the_known_bounds(rate: float) -> None:
    assert_within(total(each for _, each in all_scored(days(flows([rate]), range(1, 4)))), BOUNDS)


def test_the_command_line_refuses_more_processes_than_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--processes", "3"])
    assert "invalid choice" in capsys.readouterr().err
