"""The variants change what they say and nothing else; days have codes that replay them, and records that keep them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import pytest

from recon.simulator.venue.account_plan import AccountPlan
from tests.faults.__main__ import ALL, chosen, main
from tests.faults.days import DAY_SECONDS, Day, Flow, long_days
from tests.faults.play import played
from tests.faults.records import Counts, append, publish, read
from tests.faults.score import Score
from tests.faults.table import markdown
from tests.faults.test_faults import AT, DAY, SECOND, planted, scored, step
from tests.faults.variants import EARLY_SECONDS, SLOW_RATE, SLOW_SECONDS, VARIANTS

NAMES: Final = (
    "no-fill-lists", "doubles-on-the-wire", "stamps-1ms", "stamps-100ms", "stamps-1s", "no-stamps", "crossing",
    "cut-cash", "polled", "stale-snapshots", "coarse-last-reports", "burst", "early-faults", "slow-tiers",
)  # fmt: skip


def of(variant: str, programme: str | None = "orders") -> Day:
    return DAY._replace(variant=variant, programme=programme)


def accounts(day: Day) -> tuple[AccountPlan, ...]:
    return day.plan().gateways[0].accounts


def test_the_variants_are_those_promised() -> None:
    assert tuple(VARIANTS) == NAMES
    assert {day.variant for day in chosen(1, variants=[ALL])} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_differs_from_the_plain_day_in_one_respect(name: str) -> None:
    plain, changed = DAY.plan().gateways[0], of(name).plan().gateways[0]
    differing = {
        part
        for one, other in zip(plain.accounts, changed.accounts, strict=True)
        for part in ("habits", "fees", "streams", "balances", "positions", "instruments", "assets")
        if getattr(one, part) != getattr(other, part)
    }
    expected = {
        "crossing": {"fees"},
        "slow-tiers": {"fees"},
        "burst": {"streams"},
        "early-faults": set(),
        "cut-cash": {"habits", "assets", "balances"},
    }
    assert differing == expected.get(name, {"habits"})
    assert (changed.faults == plain.faults) == (name != "early-faults")


def test_early_faults_come_right_after_connecting_and_those_of_one_time_stay_together() -> None:
    late, early = (of(name, "positions").plan().gateways[0].faults for name in ("", "early-faults"))
    assert max(fault.after for fault in early) <= EARLY_SECONDS
    assert [replace(fault, after=0.0) for fault in early] == [replace(fault, after=0.0) for fault in late]
    together = [one.after == other.after for one in late for other in late if one.account == other.account]
    assert together == [one.after == other.after for one in early for other in early if one.account == other.account]


def test_bursts_bring_the_busiest_unit_of_each_account_seven_to_ten_fills_a_second() -> None:
    for account in accounts(of("burst")):
        rows = {each.symbol: each.settlement_row or each.quote_row for each in account.instruments}
        rates: dict[str, float] = {}
        for flow in account.streams:
            rates[rows[flow.symbol]] = rates.get(rows[flow.symbol], 0) + flow.bursts[0].fills_per_second
        assert 7 <= max(rates.values()) <= 10, account.account


def test_slow_accounts_have_their_own_rate_and_a_longer_day_in_which_every_tier_changes_once() -> None:
    made = chosen(1, variants=["slow-tiers"])
    assert {day.flow.rate for day in made} == {SLOW_RATE}
    assert {day.seconds for day in made} == {SLOW_SECONDS}
    assert len(made) == len(set(made))
    for account in accounts(made[0]):
        assert account.fees is not None
        first, later = account.fees.tiers
        assert later.taker == first.taker * Decimal("0.8")
        assert 0 < later.since < SLOW_SECONDS


def test_long_days_are_clean_and_their_tier_changes_in_the_middle() -> None:
    made = long_days([7])
    assert {(day.flow.rate, day.seconds) for day in made} == {(0.5, 7_200.0), (0.02, 86_400.0)}
    assert {day.programme for day in made} == {None}
    (changing,) = [each.fees for each in accounts(made[-1]) if each.fees is not None and len(each.fees.tiers) > 1]
    assert changing.tiers[1].since == 43_200.0
    assert chosen(1, first_seed=7, long=True) == made


def test_a_day_has_a_code_that_gives_it_back() -> None:
    for day in [*chosen(2, first_seed=9_001, variants=[ALL]), *chosen(1), *long_days([3])]:
        assert Day.of(day.code) == day
    assert Day(Flow(2.0, equal_sizes=True, polled=1.0), None, published=False, seed=5).code == (
        f"2/equal/1s/clean/untold/5/plain/{DAY_SECONDS:g}"
    )


def test_seeds_begin_where_they_are_told_to() -> None:
    assert {day.seed for day in chosen(2, first_seed=9_001, rates=[0.5])} == {9_001, 9_002}


def test_a_step_told_as_an_uncertain_opening_is_neither_found_nor_missed() -> None:
    unsure, other = step(), step("3")
    found = scored([planted(), planted("7")], [], uncertain=[unsure, other])
    assert (found.recall, len(found.missed), len(found.uncertain)) == (0.0, 1, 1)
    assert found.uncertain_alarms == [other]
    told = scored([planted()], [step()], uncertain=[unsure])
    assert (told.recall, told.uncertain, told.uncertain_alarms) == (1.0, [], [unsure])


def test_the_precision_of_a_cause_counts_what_was_said_of_openings() -> None:
    wrong = step("0.5", cause="deposit")
    found = scored([planted(), planted("7")], [step(), replace(step("7", cause="deposit"), break_id="b2"), wrong])
    assert sorted(found.causes_said) == [("deposit", False), ("deposit", False), ("missed_fill", True)]
    assert "| deposit | 0.000 (0/2) |\n| missed_fill | 1.000 (1/1) |" in markdown([(DAY, found)])


def test_long_days_are_told_by_the_account_hour() -> None:
    (day, *_) = long_days([1])
    found = Score(clean_account_days=6, clean_alarms=[step()], clean_account_seconds=6 * day.seconds, state_bytes=8_000)
    assert "| long, 0.5/s, 2 h, the schedule | 12 | 1 | 0.0833 | 8 kB |" in markdown([(day, found)])


def test_a_record_gives_the_score_back(tmp_path: Path) -> None:
    found = scored([planted(), planted("7")], [step(), step("0.5")])
    for day in (DAY, of("burst", None)):
        append(tmp_path / "scores.jsonl", day, "today", found)
    assert list(read([tmp_path / "scores.jsonl"])) == [(DAY, found), (of("burst", None), found)]
    publish([tmp_path / "scores.jsonl"], tmp_path / "figures.jsonl")
    first, _ = (
        msgspec.json.decode(line, type=Counts) for line in (tmp_path / "figures.jsonl").read_bytes().splitlines()
    )
    assert (first.day, first.found, first.missed, first.false_alarms) == (DAY.code, 1, 1, 1)
    assert first.delays == [5.0]


def test_a_day_is_replayed_by_its_code_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = Day(Flow(0.1, equal_sizes=False, polled=None), None, published=True, seed=4)
    kept = tmp_path / "scores.jsonl"
    main(["--replay", day.code, "--record", str(kept), "--processes", "1"])
    assert "1 days played" in capsys.readouterr().out
    ((again, found),) = read([kept])
    assert (again, found.clean_account_days, found.clean_account_seconds) == (day, 6, 6 * DAY_SECONDS)
    assert found.state_bytes > 1_000


def test_what_is_said_of_a_day_does_not_depend_on_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(Flow(0.5, equal_sizes=False, polled=None), "money", published=True, seed=4)
    whole = played(day)
    monkeypatch.setattr("tests.faults.play.AT_A_TIME", 97)
    pieces = played(day)
    assert (pieces.planted, pieces.said) == (whole.planted, whole.said)
    assert whole.said.steps[0].at > AT - 600 * SECOND
