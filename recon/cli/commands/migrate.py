"""`recon migrate`: the database brought to this version's schema."""

from __future__ import annotations

from recon.cli.connection import log_warnings_only
from recon.cli.options import Config, settings_of
from recon.cli.output import write
from recon.db.migrate import migrate as migrate_database
from recon.db.resolve import resolve_database
from recon.db.version import newest_version


def migrate(config: Config = None) -> None:
    """Bring the database to this version's schema."""
    log_warnings_only()
    with resolve_database(settings_of(config)) as handle:
        migrate_database(handle.require_owner_url(), lambda step: write(f"{step}\n"))
    write(f"the database is at version {newest_version()}\n")
