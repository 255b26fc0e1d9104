"""`recon rebuild`: all books rebuilt from the log, verified, and switched to."""

from __future__ import annotations

from typing import Final

import msgspec

from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, note
from recon.cli.progress import progress_bar
from recon.cli.queries import gateway_names
from recon.cli.table import print_rows
from recon.errors import ProjectionError
from recon.projection.rebuild import rebuild as rebuild_gateway

_REBUILT: Final = [Column(key) for key in ("gateway", "edition", "events", "same", "switched", "digest")]


def rebuild(config: Config = None, gateway: GatewayFilter = None, json: Json = False) -> None:
    """Rebuild all books from the log, verify, and switch.

    The service may run meanwhile. Books that differ under the same version of recon are reported and not switched to.
    """
    rows: list[Row] = []
    with existing_database(settings_of(config)) as handle:
        with connect(handle.service_url, "rebuild") as connection:
            names = gateway_names(connection, gateway)
        with progress_bar() as begin:
            for name in names:
                done = rebuild_gateway(handle.service_url, name, progress=begin(name))
                rows.append(msgspec.structs.asdict(done))
    print_rows(rows, _REBUILT, as_json=json, empty="no gateway has a log yet")
    changed = [str(row["gateway"]) for row in rows if row["switched"] and not row["same"]]
    if changed and not json:
        note(f"the books of {', '.join(changed)} differ from what an earlier version made of the same log")
        note("see `recon breaks`, and `recon facts show` for facts that wait now")
    differing = [str(row["gateway"]) for row in rows if not row["switched"]]
    if differing:
        raise ProjectionError(
            f"the rebuilt books of {', '.join(differing)} differ, so they were not switched to; please report this"
        )
