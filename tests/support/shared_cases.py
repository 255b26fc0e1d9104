"""The published cases of what venues send, beside the checkout where they are there."""

from __future__ import annotations

from pathlib import Path

from recon.testing.case import FRAMES

CASES = Path(__file__).parents[3] / "shared" / "cases"

DIRECTORIES = sorted(path.parent for path in CASES.glob(f"*/{FRAMES}"))
