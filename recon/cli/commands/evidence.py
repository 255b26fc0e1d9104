"""`recon evidence`: a business day as a directory that anybody can check without recon (operator 2.9)."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from recon.cli.archives import ArchiveOption, read_archive
from recon.cli.connection import reader_connection
from recon.cli.ended import ending_in_order
from recon.cli.options import AccountsFilter, Config, GatewayFilter, day_of, settings_of
from recon.cli.output import note
from recon.clock import utc_now
from recon.config import Settings
from recon.display.words import counted
from recon.errors import ConfigError
from recon.evidence.collect import Wanted, collect
from recon.evidence.directory import Directory, whole_directory
from recon.evidence.manifest import TIME_STAMP, VERIFIER, Manifest
from recon.evidence.time_stamp import TimeStamp, require_library, time_stamp


def evidence(
    *,
    day: Annotated[str, typer.Option("--date", metavar="DAY", help="The business day.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The directory to make; none is replaced.")
    ],
    gateway: GatewayFilter = None,
    account: AccountsFilter = None,
    stamped: Annotated[
        bool, typer.Option("--time-stamp/--no-time-stamp", help="Have [evidence] tsa_url stamp the time.")
    ] = True,
    archive: ArchiveOption = None,
    config: Config = None,
) -> None:
    """Write a day as evidence that anybody can check.

    It has the closings, the signatures, the reports with their SQL, and the log without gaps.
    The directory appears whole or not at all. `python DIR/verify.py DIR` checks it, without recon and its database.
    What was signed is computed again first, and nothing is written where it cannot be borne out (status 4).
    """
    settings, on = settings_of(config), day_of(day)
    wanted = Wanted(day=on, gateway=gateway, accounts=account, now=utc_now(), version=version("recon"))
    asks = stamped and settings.evidence.tsa_url is not None
    if asks:
        require_library()
    stamp: TimeStamp | None = None
    with ending_in_order(), whole_directory(output) as to:
        with reader_connection(settings, "evidence", snapshot=True) as reader:
            collected = collect(reader, wanted, to, read_archive(archive))
        if asks:
            stamp = _stamp(settings, collected.content, to)
    _say(output, collected.manifest, collected.content, stamp)


def _stamp(settings: Settings, content: bytes, to: Directory) -> TimeStamp:
    url, roots = settings.evidence.tsa_url, settings.evidence.tsa_certificates
    if url is None or roots is None:
        raise ConfigError("[evidence] names no time-stamping authority")
    stamp = time_stamp(content, url, roots)
    to.write(TIME_STAMP, stamp.content)
    return stamp


def _say(output: Path, manifest: Manifest, content: bytes, stamp: TimeStamp | None) -> None:
    for line in manifest.provisional:
        note(f"provisional: {line}")
    for remark in manifest.remarks:
        note(remark)
    for part in manifest.logs:
        note(f"log {part.gateway}: events {part.first_seq} to {part.last_seq}, head {part.head[:10]}")
    note(f"{output}: {counted(len(manifest.files), 'file')}; check it with `python {output / VERIFIER} {output}`")
    if stamp is not None:
        note(f"its time is stamped: {stamp.at:%Y-%m-%d %H:%M:%S} UTC")
    if sys.stdout.isatty():
        note("digest of the manifest, to be written down elsewhere:")
    print(hashlib.sha256(content).hexdigest())
