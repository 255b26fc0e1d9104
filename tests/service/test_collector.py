"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc

from recon.service.collector import YOUNG_OBJECTS, rest_collector


def test_what_is_loaded_is_left_alone_and_new_cycles_are_still_found() -> None:
    before = gc.get_threshold()
    try:
        rest_collector()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (YOUNG_OBJECTS, *before[1:])
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
