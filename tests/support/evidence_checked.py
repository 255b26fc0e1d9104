"""An evidence directory checked by the program in it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def verified(directory: Path) -> tuple[int, str]:
    """Run the verifier of the directory by itself: without recon, and without what is installed."""
    asked = [sys.executable, "-I", "-S", str(directory / "verify.py"), str(directory)]
    ran = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - the program under test
    assert not ran.stderr
    return ran.returncode, ran.stdout
