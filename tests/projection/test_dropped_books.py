"""Books and comparisons that are dropped, as after a failed step, go at once, not when the collector looks."""

from __future__ import annotations

import gc
import weakref

from recon.projection.fold import decode_event
from recon.simulator.scenarios import demo_plan
from recon.testing import play
from recon.testing.log import new_fold


def test_what_is_dropped_is_freed_without_the_collector() -> None:
    (gateway, _, log), _ = play(demo_plan(3, 40.0))
    fold = new_fold(gateway.plan.name)
    fold.fold([decode_event(event) for event in log])
    assert fold.reconciler.trellises
    books, comparisons = weakref.ref(fold.ledger), weakref.ref(fold.reconciler)
    gc.disable()
    try:
        del fold
        assert books() is None
        assert comparisons() is None
    finally:
        gc.enable()
