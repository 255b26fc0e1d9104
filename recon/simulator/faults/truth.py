"""The truth file: the planted faults as one JSON document that is always complete."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from recon.simulator.fault import PlantedFault
from recon.simulator.plan import Plan


class TruthFile:
    """Keeps `path` up to date; each change replaces the whole file, so that readers never see a partial one.

    The document holds the plan's name, seed, duration and settlement window, and the planted faults. Each gateway has
    `started_at` and `ends_at`, null until its first client has connected. Decimals and times are text.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self._gateways: dict[str, dict[str, str | None]] = {
            gateway.name: {"started_at": None, "ends_at": None} for gateway in plan.gateways
        }
        self._faults: list[dict[str, object]] = []
        self._plan = plan
        self._write()

    def started(self, gateway: str, at: datetime, ends_at: datetime) -> None:
        """Record that a gateway's day has begun."""
        self._gateways[gateway] = {"started_at": at.isoformat(), "ends_at": ends_at.isoformat()}
        self._write()

    def planted(self, fault: PlantedFault) -> None:
        """Record a planted fault."""
        self._faults.append(fault.as_json())
        self._write()

    def _write(self) -> None:
        document = {
            "plan": self._plan.name,
            "seed": self._plan.seed,
            "duration": self._plan.duration,
            "settlement_window": self._plan.settlement_window,
            "gateways": self._gateways,
            "faults": self._faults,
        }
        replace_file(self._path, json.dumps(document, indent=1))


def replace_file(path: Path, content: str) -> None:
    """Write a temporary file in the same folder and rename it over the old one."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(content, encoding="utf-8")
    beside.replace(path)
