"""The watch over one step: what it reads, which event it computes, for how long, and its end by force.

1. The step's thread tells what it does; another thread may interrupt it.
2. A step counts what its own thread computes. A machine that stands still or is overloaded makes no event expensive.
3. Decoding and folding are interrupted in the middle of an event. Everything else ends with its database call.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from recon.errors import DeadlineExceeded

#: A step begins no further event after computing for this long, in seconds; what is folded then is written.
ENOUGH_SECONDS: Final = 5.0
#: Events that follow each other sooner share a reading of the thread's time, in seconds.
FINE_SECONDS: Final = 0.001

T = TypeVar("T")
#: Called before each event with its log position; returns whether there is time for it.
Begin = Callable[[int], bool]

_raise_in_thread: Final = ctypes.pythonapi.PyThreadState_SetAsyncExc
#: Turns of an empty loop within which Python delivers what was raised in the thread itself: the first one does.
DELIVERY_TURNS: Final = 1_000


class StepInterrupted(DeadlineExceeded):
    """A step was ended by force while it decoded or folded an event."""


class _Interruption(BaseException):
    """Raised in the thread of a step by another thread; no handler of the fold catches it."""


class StepWatch:
    """One step, as its thread tells of it."""

    def __init__(
        self, computed: Callable[[], float] = time.thread_time, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Watch a step that is about to begin.

        `computed` gives the seconds that the calling thread has computed, and `now` the seconds of a steady clock.
        """
        self._computed = computed
        self._now = now
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._interrupted = False
        self._raised = False
        self._began = 0.0
        self._event_since = 0.0
        self._event_computed = 0.0
        self._read_at = 0.0
        #: The log position after which the step reads, and how many events it has read.
        self.after_seq = 0
        self.count = 0
        #: The log position of the event that is decoded or folded now, or was when the step failed; None: none.
        self.at_seq: int | None = None
        #: How long decoding and folding that event has computed, in seconds, once the step has failed.
        self.event_seconds = 0.0
        #: How long the step's thread has computed, in seconds, once it is over.
        self.step_seconds = 0.0

    def note_page(self, after_seq: int, count: int) -> None:
        """Note how many events the step has read after a log position."""
        self.after_seq, self.count = after_seq, count

    @contextmanager
    def step(self) -> Iterator[None]:
        """Measure what the calling thread computes meanwhile."""
        began = self._computed()
        try:
            yield
        finally:
            self.step_seconds = self._computed() - began

    def compute(self, work: Callable[[Begin], T]) -> T:
        """Run the decoding or folding of a step, which calls the given function before each event.

        Raise StepInterrupted if another thread interrupts it.
        """
        try:
            try:
                self._enter()
                result = work(self._begin)
                self.at_seq = None
            finally:
                self._leave()
        except _Interruption:
            raise StepInterrupted("an event took longer than its deadline, so the step was ended") from None
        finally:
            self.event_seconds = self._computed() - self._event_computed
        return result

    def interrupt(self, *, after: float = 0.0) -> None:
        """End the step if its present event has lasted for longer than `after` seconds; call this in another thread.

        Without `after`, end it also where it will begin to compute. An ended step is left alone.
        """
        with self._lock:
            self._interrupted = self._interrupted or not after
            computing = self._thread is not None and self._now() - self._event_since >= after
            if self._thread is not None and computing and not self._raised:
                self._raised = True
                _raise_in_thread(ctypes.c_ulong(self._thread), ctypes.py_object(_Interruption))

    def _begin(self, seq: int) -> bool:
        now = self._now()
        self.at_seq, self._event_since = seq, now
        if now - self._read_at >= FINE_SECONDS:
            # Asked of the system, which costs more than many an event.
            self._read_at, self._event_computed = now, self._computed()
        return self._event_computed - self._began < ENOUGH_SECONDS

    def _enter(self) -> None:
        with self._lock:
            if self._interrupted:
                raise _Interruption
            self._began = self._event_computed = self._computed()
            self._event_since = self._read_at = self._now()
            self._thread = threading.get_ident()

    def _leave(self) -> None:
        with self._lock:
            self._thread = None
            raised = self._raised
        if raised:
            _take_delivery()


def _take_delivery() -> None:
    """Have Python deliver here what it has not delivered yet: after this it would end something else.

    To take it back instead would leave Python 3.11 looking for it for good: each turn of each loop is slower then, and
    a traced function never ends.
    """
    try:
        _raise_in_thread(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(_Interruption))
        for _ in range(DELIVERY_TURNS):
            pass
    except _Interruption:
        pass
