"""How often Python's garbage collector looks at the service's memory: set in one place, for a whole process.

Nearly all that the service makes is freed by counting references. The collector alone finds cycles, and there are few.
"""

from __future__ import annotations

import gc
from typing import Final

#: So many new objects have the collector look at the young ones. At Python's own 700 it does so twelve times in 1,000
#: folded events, and finds next to nothing.
YOUNG_OBJECTS: Final = 10_000


def rest_collector() -> None:
    """Have the collector leave alone what is loaded by now, and look at new objects less often.

    Call it once all modules are loaded. Full collections would read each of their objects again, and hold all threads.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
