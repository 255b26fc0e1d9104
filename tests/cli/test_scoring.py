"""The demonstration's score: it must neither let a missed fault pass nor a false alarm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.cli.demo.scoring import Fault, Opening, Score, UnitId, score

T = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def _fault(at: float, *, must_flag: bool = True, **amounts: str) -> Fault:
    return _planted(at, amounts, must_flag=must_flag)


def _planted(at: float, amounts: dict[str, str], *, must_flag: bool = True) -> Fault:
    return Fault(
        kind="lost_fill",
        gateway="eu",
        account="A",
        unit_kind="asset",
        amounts={unit: Decimal(amount) for unit, amount in amounts.items()},
        planted_at=T + timedelta(seconds=at),
        ends_at=None,
        must_flag=must_flag,
    )


def _opening(at: float, unit: str, amount: str, *, account: str = "A", kind: str = "asset") -> Opening:
    unit_id = UnitId("eu", account, kind, unit)
    return Opening(unit_id, T + timedelta(seconds=at), Decimal(amount), "unexplained", "open", f"{unit}{at}")


def _outcome(result: Score) -> tuple[bool, int, int]:
    return result.passed, len(result.missed), len(result.false_alarms)


def test_every_unit_of_a_fault_wants_its_opening() -> None:
    fault = _fault(0, BTC="0.2", USD="-600")
    both = [_opening(3, "BTC", "0.2"), _opening(4, "USD", "-600.01")]
    assert _outcome(score([fault], both)) == (True, 0, 0)
    assert _outcome(score([fault], both[:1])) == (False, 1, 0)
    assert [each.delay for each in score([fault], both).verdicts] == [timedelta(seconds=3), timedelta(seconds=4)]


def test_what_no_fault_accounts_for_is_a_false_alarm() -> None:
    fault = _fault(10, BTC="0.2")
    right = _opening(13, "BTC", "0.2")
    for wrong in (
        _opening(13, "BTC", "-0.2"),
        _opening(13, "BTC", "0.21"),
        _opening(13, "ETH", "0.2"),
        _opening(13, "BTC", "0.2", account="B"),
        _opening(13, "BTC", "0.2", kind="contract"),
        _opening(5, "BTC", "0.2"),
        right,
    ):
        assert _outcome(score([fault], [right, wrong])) == (False, 0, 1), wrong


def test_a_benign_fault_must_not_be_flagged() -> None:
    benign = _fault(0, must_flag=False)
    assert _outcome(score([_fault(0, BTC="1"), benign], [_opening(3, "BTC", "1")])) == (True, 0, 0)
    assert _outcome(score([benign], [_opening(3, "BTC", "1")])) == (False, 0, 1)


def test_a_day_without_faults_proves_nothing() -> None:
    assert _outcome(score([], [])) == (False, 0, 0)


def test_two_steps_that_arrived_as_one_are_one_opening() -> None:
    faults = [_fault(0, BTC="0.2"), _fault(1, BTC="0.5"), _fault(2, ETH="3")]
    found = [_opening(4, "BTC", "0.7"), _opening(4, "ETH", "3")]
    assert _outcome(score(faults, found)) == (True, 0, 0)
    assert _outcome(score(faults, found[:1])) == (False, 1, 0)


def test_equal_faults_want_an_opening_each() -> None:
    faults = [_fault(0, BTC="0.2"), _fault(20, BTC="0.2")]
    assert _outcome(score(faults, [_opening(3, "BTC", "0.2"), _opening(23, "BTC", "0.2")])) == (True, 0, 0)
    assert _outcome(score(faults, [_opening(3, "BTC", "0.2")])) == (False, 1, 0)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 100), st.sampled_from(["BTC", "ETH"]), st.integers(1, 50)), min_size=1, max_size=6
    ),
    dropped=st.integers(0, 5),
)
def test_one_opening_for_each_fault_passes_and_one_less_does_not(
    steps: list[tuple[int, str, int]], dropped: int
) -> None:
    faults = [_planted(at, {unit: str(amount)}) for at, unit, amount in steps]
    found = [_opening(at + 3, unit, str(amount)) for at, unit, amount in steps]
    assert score(faults, found).passed
    assert not score(faults, found[: dropped % len(found)]).passed
