"""The engines that the benchmark plays days to, by name; each is made for a gateway by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.faults.engine import Engine
from tests.faults.today import Today
from tests.faults.trellis import Trellis

ENGINES: Final[dict[str, Callable[[str], Engine]]] = {"today": Today, "trellis": Trellis}
