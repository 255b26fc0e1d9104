"""A step is ended by another thread, and nothing of that is left in its own."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from recon.projection.step_watch import Begin, StepInterrupted, StepWatch

#: A traced function that never ends is ended after so many seconds.
PATIENCE = 60
TRACED = """
import sys, threading
from recon.projection.step_watch import StepWatch

watch = StepWatch()
{before}
sys.settrace(lambda frame, event, argument: None)
(lambda: sum(number for number in range(3)))()
sys.settrace(None)
print("traced")
"""


def test_a_step_is_ended_in_the_middle_of_an_event() -> None:
    watch = StepWatch()

    def endless(begin: Begin) -> None:
        begin(7)
        threading.Thread(target=watch.interrupt).start()
        while True:
            pass

    with pytest.raises(StepInterrupted):
        watch.compute(endless)
    assert watch.at_seq == 7


def test_a_step_that_was_ended_before_it_computes_computes_nothing() -> None:
    watch = StepWatch()
    watch.interrupt()
    with pytest.raises(StepInterrupted):
        watch.compute(lambda begin: begin(1))
    assert watch.at_seq is None


def test_an_end_that_comes_too_late_ends_nothing_else() -> None:
    for _ in range(100):
        watch = StepWatch()
        held = threading.Event()

        def work(begin: Begin, held: threading.Event = held) -> int:
            begin(1)
            held.set()
            return 5

        def interrupt(watch: StepWatch = watch, held: threading.Event = held) -> None:
            held.wait(PATIENCE)
            watch.interrupt()

        other = threading.Thread(target=interrupt)
        other.start()
        try:
            assert watch.compute(work) == 5
        except StepInterrupted:
            assert watch.at_seq in {1, None}
        other.join()
        assert sum(range(1_000)) == 499_500


@pytest.mark.parametrize("before", ["pass", "watch.compute(lambda begin: setattr(watch, '_raised', True))"])
def test_what_is_left_in_a_thread_lets_a_traced_function_end(before: str) -> None:
    """Python 3.11 runs a traced function for good while it believes that something is to be raised."""
    program = TRACED.format(before=before)
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout == "traced\n", done.stderr
