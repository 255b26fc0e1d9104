"""`recon check` as cron runs it: the real process, with nothing but a settings file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.processes import GATEWAY, PATIENCE

#: The exit statuses of `recon check`.
CLEAN, BREAKS, NOT_COVERED, COULD_NOT_RUN = range(4)


class Told(NamedTuple):
    """What one run of a job came to."""

    status: int
    document: dict[str, Any]
    summary: str


class Cron:
    """Runs a line as cron does: by `sh`, elsewhere, with next to no environment, output into files."""

    def __init__(self, directory: Path, url: str, gateway_url: str, gateway: str = GATEWAY) -> None:
        self._directory = directory
        self._settings = directory / "job.toml"
        self._settings.write_text(
            f'[database]\nurl = "{url}"\n[gateways.{gateway}]\nurls = ["{gateway_url}"]\n', encoding="utf-8"
        )
        self._settings.chmod(0o600)

    def run(self, *arguments: str, settings: str | None = None) -> Told:
        out, err = self._directory / "out.json", self._directory / "err.txt"
        line = f"{sys.executable} -m recon.cli check --config {settings or self._settings} {' '.join(arguments)}"
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._directory), "LOGNAME": "job", "SHELL": "/bin/sh"}
        if "PYTHONPATH" in os.environ:
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        done = subprocess.run(  # noqa: S603 - our own command
            ["/bin/sh", "-c", f"{line} >{out} 2>{err}"], env=environment, cwd="/", timeout=PATIENCE, check=False
        )
        return Told(done.returncode, json.loads(out.read_text("utf-8")), err.read_text("utf-8"))
