"""`recon rebuild`: all books rebuilt from the log, verified, and switched to."""

from __future__ import annotations

from typing import Final

import msgspec

from recon.cli.archives import ArchiveOption
from recon.cli.beside.answers import Answers
from recon.cli.beside.task import Rebuild
from recon.cli.connection import connect, existing_database
from recon.cli.options import Config, GatewayFilter, Jobs, Json, settings_of, with_options
from recon.cli.output import Column, Row, note
from recon.cli.progress import folding_progress
from recon.cli.queries import gateway_names
from recon.cli.table import print_rows
from recon.cli.tables.options import TableOptions, one_look_options
from recon.config import secrets_of
from recon.projection.rebuild import RebuildResult

_REBUILT: Final = [Column(key) for key in ("gateway", "edition", "events", "same", "switched", "digest")]


@with_options(one_look_options)
def rebuild(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    archive: ArchiveOption = None,
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Rebuild all books from the log, verify, and switch.

    The service may run meanwhile. Where old events are archived, --archive names the directory that has them.
    Books that differ under the same version of recon are reported and not switched to. One gateway stops no other.
    """
    options.check_list("a rebuild", _REBUILT)
    settings = settings_of(config)
    with existing_database(settings) as handle:
        with connect(handle.service_url, "rebuild") as connection:
            names = gateway_names(connection, gateway)
        tasks = [Rebuild(handle.service_url, name, None if archive is None else str(archive)) for name in names]
        with folding_progress() as begin:
            answers = Answers(RebuildResult, begin, secrets=secrets_of(settings))
            answers.collect(tasks, jobs)
    rows: list[Row] = [msgspec.structs.asdict(answers.answered[name]) for name in names if name in answers.answered]
    if rows or not names:
        print_rows(rows, _REBUILT, as_json=json, empty="no gateway has a log yet", options=options)
    changed = [str(row["gateway"]) for row in rows if not row["same"]]
    if changed and not json:
        note(f"the books of {', '.join(changed)} differ from what an earlier version made of the same log")
        note("see `recon breaks`, and `recon facts show` for facts that wait now")
    answers.end_if_failed()
