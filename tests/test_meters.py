"""What a part counts of its own work."""

from __future__ import annotations

import pytest

from recon.meters import DeliveryMeter, Pulse, Spread


def test_a_spread_counts_each_value_up_to_its_bound_and_beyond() -> None:
    spread = Spread((1.0, 10.0))
    for value in (0.5, 1.0, 1.5, 10.0, 11.0):
        spread.note(value)
    assert spread.cumulative() == [2, 4, 5], "a bound belongs to the values below it, as Prometheus counts"
    assert (spread.count, spread.total) == (5, 24.0)


def test_a_spread_does_not_grow() -> None:
    spread = Spread((1.0,))
    for value in range(10_000):
        spread.note(float(value))
    assert len(spread.cumulative()) == 2


def test_an_outcome_that_there_is_not_is_a_defect() -> None:
    meter = DeliveryMeter()
    meter.note("delivered", 0.1)
    assert meter.outcomes == {"delivered": 1, "failed": 0, "given_up": 0}
    with pytest.raises(KeyError):
        meter.note("lost", 0.1)


def test_a_pulse_that_never_beat_is_not_still() -> None:
    pulse = Pulse()
    assert pulse.stillness(1e9) == 0.0
    pulse.beat(10.0)
    assert pulse.stillness(12.5) == 2.5
