"""Five thousand breaks: what is sent stays within the bounds of the policy, and the work within those of its input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import FrameType

import msgspec
import pytest

from recon.alerts.policy.model import Signal
from recon.alerts.policy.rules import Limit, Policy, QuietHours, Reminders
from recon.alerts.policy.state import Batch, Why, encode_state
from tests.alerts.policy.scripts import T0, Look, after, run, signal

BREAKS = 5000
POLICY = Policy(
    ("desk", "duty"),
    limits=(Limit(("desk",), 5, timedelta(minutes=10)),),
    reminders=Reminders((timedelta(hours=1),)),
    quiet=(QuietHours(("duty",), 0, 6 * 60),),
)


def storm(breaks: int, seconds: float) -> list[Look]:
    """Return breaks that open at an even pace, and are all over an hour and a half later."""
    begun = [Look(after(seconds=each * seconds / breaks), (signal(each, case=f"c{each}"),)) for each in range(breaks)]
    over = tuple(signal(breaks + each, "ends", case=f"c{each}") for each in range(breaks))
    return [*begun, Look(after(hours=1.5), over), Look(after(days=2))]


def test_a_storm_of_breaks_keeps_within_the_limit_and_every_break_is_told() -> None:
    done = run(POLICY, batched(storm(BREAKS, 600.0), 250))
    times = [message.at for message in done.of("desk")]
    assert max(sum(each <= at < each + timedelta(minutes=10) for at in times) for each in times) <= 5
    for channel in POLICY.channels:
        told = {each for message in done.of(channel) for each in message.signals}
        assert len(told) == 2 * BREAKS, "each beginning and each end"
    assert (done.state.cases, done.state.batches) == ({}, {})
    assert len(encode_state(done.state)) < 10_000


def batched(looks: Sequence[Look], size: int) -> list[Look]:
    """Return looks that come less often, with the signals of several each."""
    parts = [looks[begin : min(begin + size, len(looks) - 2)] for begin in range(0, len(looks) - 2, size)]
    return [*(Look(part[-1].at, tuple(each for look in part for each in look.signals)) for part in parts), *looks[-2:]]


def test_five_thousand_breaks_at_once_are_one_message_each_time() -> None:
    done = run(POLICY, storm(BREAKS, 0.0)[-2:], state=run(POLICY, [at_once()]).state)
    assert done.kinds("desk") == ["firing", "reminder", "recovery"]
    assert [len(message.cases) for message in done.of("desk")] == [BREAKS] * 3


def at_once() -> Look:
    return Look(T0, tuple(each for look in storm(BREAKS, 0.0)[:-2] for each in look.signals))


def test_the_work_grows_as_the_number_of_breaks() -> None:
    def work(breaks: int) -> int:
        signals: list[Signal] = [each for look in storm(breaks, 0.0)[:-2] for each in look.signals]
        return calls(lambda: run(POLICY, [Look(T0, tuple(signals)), *storm(breaks, 0.0)[-2:]]))

    few, many = work(250), work(1000)
    assert many < 4.5 * few


def calls(job: Callable[[], object]) -> int:
    """Return how many functions of the policy a job calls, its comprehensions included."""
    count = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call" and "/recon/alerts/policy/" in frame.f_code.co_filename

    former = sys.getprofile()
    sys.setprofile(profile)
    try:
        job()
    finally:
        sys.setprofile(former)
    return count


@pytest.mark.parametrize("why", ["quiet", "limit"])
def test_a_batch_that_is_full_is_sent_whatever_holds_it(why: Why) -> None:
    quiet = (QuietHours(("duty",), 19 * 60, 18 * 60),) if why == "quiet" else ()
    policy = Policy(("duty",), quiet=quiet, limits=(Limit(("duty",), 1, timedelta(days=1)),))
    looks = [Look(after(minutes=each), (signal(each, case=f"c{each}"),)) for each in (0, 90, 120, 150)]
    (first, *_), last = looks, looks[-1]
    state = run(policy, looks[:3]).state
    (batch,) = (batch for batch in state.batches.values() if batch.why == why)
    state.batches[batch.key] = fill(batch, 19_998)
    done = run(policy, [last, Look(after(minutes=160))], state=state)
    (message,) = done.messages
    assert (message.kind, message.held) == ("summary", 20_000), "those of both looks, too"
    assert first.at < message.at < batch.due


def fill(batch: Batch, entries: int) -> Batch:
    """Return a batch with so many entries, each of another case."""
    (one,) = batch.entries
    full = [msgspec.structs.replace(one, case_id=f"c{each}", signal=f"n{each}") for each in range(entries)]
    return Batch(batch.channel, batch.why, batch.about, batch.due, batch.reason, full)
