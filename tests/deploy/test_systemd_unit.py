"""The unit: systemd can read it, it is hardened, and its bounds fit those of the service."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from recon.config.tables import Service
from recon.service.health import STUCK_SECONDS
from recon.service.systemd import FEEDINGS, TELL_SECONDS

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "config" / "systemd" / "recon.service"
DOCUMENT: Final = ROOT / "recon" / "docs" / "production.md"
#: `systemd-analyze security` calls what is below 2 OK, and what is above 7 exposed.
MOST_EXPOSED: Final = 2.0


def service() -> dict[str, str]:
    """Return the keys of the unit's section of the service; of those given several times the last one."""
    section = UNIT.read_text(encoding="utf-8").partition("[Service]")[2].partition("[Install]")[0]
    return dict(re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE))


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=120)  # noqa: S603


def test_systemd_finds_nothing_to_say(tmp_path: Path) -> None:
    """The program that it names is not installed here, so another one stands for it."""
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/recon/bin/recon", "/bin/true"), encoding="utf-8")
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_is_hardened_and_the_document_says_how_far() -> None:
    done = analyze("security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for recon\.service: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze cannot judge a file: {done.stderr.strip()}")
    assert float(found[1]) < MOST_EXPOSED
    told = re.search(r"exposure level is \*\*([\d.]+)\*\*", DOCUMENT.read_text(encoding="utf-8"))
    assert told is not None
    # Other versions of systemd weigh a little differently.
    assert abs(float(told[1]) - float(found[1])) <= 0.5


def test_its_bounds_fit_those_of_the_service() -> None:
    unit = service()
    assert unit["Type"] == "notify"
    assert int(unit["TimeoutStopSec"]) > Service().shutdown_seconds
    watchdog = float(unit["WatchdogSec"])
    assert min(TELL_SECONDS, watchdog / FEEDINGS) < watchdog / 2, "one feeding may be late"
    assert watchdog < STUCK_SECONDS, "what stands still is ended soon after it is known"
    assert unit["RestartPreventExitStatus"] == "2", "settings that cannot be used are not tried again"


def test_it_runs_as_nobody_special_and_writes_its_own_directory_alone() -> None:
    unit = service()
    assert unit["User"] == "recon"
    assert unit["ProtectSystem"] == "strict"
    assert unit["StateDirectory"] == "recon"
    assert unit["CapabilityBoundingSet"] == ""
    assert "ReadWritePaths" not in unit
    assert unit["NotifyAccess"] == "main"
