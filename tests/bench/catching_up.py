"""`python -m tests.bench.catching_up URL GATEWAY EVERY`: a process that folds a log as a projector behind it does.

After each EVERY events it prints how many are folded, its processor time in seconds, and its resident kilobytes.
It imports little, so that its memory is what folding takes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from recon.db.engine import create_engine
from recon.projection.step import step
from recon.projection.working_set import WorkingSet
from recon.service.collector import rest_collector

STEP_EVENTS: Final = 1000


def _resident() -> int:
    """Return this process's resident memory in kilobytes; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def main() -> None:
    url, gateway, every = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rest_collector()
    engine = create_engine(url, "recon bench")
    working: WorkingSet | None = None
    folded, told, began = 0, every, time.process_time()
    while True:
        with engine.begin() as connection:
            done = step(connection, gateway, working, limit=min(STEP_EVENTS, every))
        working, folded = done.working_set, folded + done.folded
        if folded >= told:
            told += every
            sys.stdout.write(f"{folded} {time.process_time() - began} {_resident()}\n")
            sys.stdout.flush()
        if not done.folded:
            engine.dispose()
            return


if __name__ == "__main__":
    main()
