"""`recon run`: the service, until it is stopped."""

from __future__ import annotations

from recon.cli.options import Config, settings_of
from recon.service.run import run_service


def run(config: Config = None) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    It then closes its sessions, appends what it has received, and stops within [service] shutdown_seconds. An embedded
    database is migrated first; migrate a named one yourself: `recon migrate`.
    """
    settings = settings_of(config)
    settings.require_gateways()
    run_service(settings)
