"""`recon check`: whether books are clean and covered, as one document and one exit status for a job (operator 2.5)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from recon.cli.as_of import KnownAt, ValidAt, past_of
from recon.cli.check_summary import summary
from recon.cli.connection import reader_connection
from recon.cli.options import AccountFilter, Config, GatewayFilter, settings_of
from recon.cli.output import note, print_document, print_json
from recon.clock import utc_now
from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.check.document import SOURCES, Asked, SourceName, schema
from recon.reads.check.read import read_check
from recon.reads.filter import Filter
from recon.reads.known_names import check_filter
from recon.times import parse_time

#: From when on what is required must hold, where nothing else is said.
REQUIRED_SINCE: Final = "1d"


def check(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    fail_on: Annotated[
        Literal["any", "material", "none"],
        typer.Option(help="Which open breaks count. Those that people accepted never do."),
    ] = "any",
    require_covered: Annotated[
        bool,
        typer.Option("--require-covered", help="Also want every gap accounted for, and a verdict on every unit."),
    ] = False,
    require_source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS",
            help="Also want that one of these agreed to each unit that holds something; may be given often.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="From when on gaps count, and sources must have agreed. [default: 1d]"),
    ] = None,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    schema_: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the document instead.")] = False,
) -> None:
    """Tell a job whether books are clean and covered.

    It prints one JSON document to standard output, and a summary for people to standard error. Exit status: 0 clean;
    1 breaks; 2 no breaks, but something is not covered or not current; 3 it could not run: wrong arguments or
    settings, or no database.
    """
    if schema_:
        print_json(schema())
        return
    settings, now = settings_of(config), utc_now()
    required = require_covered or bool(require_source)
    if since is not None and not required:
        raise ConfigError("--since is for --require-covered and --require-source: give one of them, or leave it out")
    past = past_of(as_of, known_at)
    required_since = parse_time(since or REQUIRED_SINCE, past.now(now))
    if required_since is None:
        raise ConfigError(
            f"--since {since} is no time: give one such as 2026-01-05T09:00:00Z, or an age such as 30s, 5m, 2h, 1d"
        )
    asked = Asked(
        gateway=gateway,
        account=account,
        fail_on=fail_on,
        require_covered=require_covered,
        require_source=[_source(each) for each in require_source or []],
        since=required_since if required else None,
        as_of=past.valid_at,
        known_at=past.known_at,
    )
    with reader_connection(settings, "check", snapshot=True) as connection:
        check_filter(connection, Filter().also(gateway=gateway, account=account), settings.gateways)
        document = read_check(connection, asked, settings.gateways, now)
    for line in summary(document):
        note(line)
    print_document(document)
    raise typer.Exit(document.exit_status)


def _source(name: str) -> SourceName:
    """Return a class of sources. Errors: ConfigError for a name that is none."""
    for each in SOURCES:
        if each == name:
            return each
    raise ConfigError(f"there is no class of sources {name!r}; {hint(name, SOURCES)}")
