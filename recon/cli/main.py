"""The entry point: which commands there are, and what becomes of an error.

An error of ours is one line on stderr and its documented exit status, never a traceback; `--traceback` shows it.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Final

import psycopg
import typer
from sqlalchemy.exc import SQLAlchemyError

from recon.cli.commands import break_, coverage, data, docs, ems, firm, maintenance, record, what_if
from recon.cli.commands import import_ as importing
from recon.cli.commands import rules as rulings
from recon.cli.commands import run as serving
from recon.cli.demo import command as demo
from recon.cli.output import note, write
from recon.config import Log
from recon.db.errors import database_error
from recon.errors import ReconError
from recon.service.logging import configure_logging

INTERRUPTED: Final = 130
#: The option that shows where an error came from.
TRACEBACK: Final = "--traceback"
#: An error that nobody foresaw (EX_SOFTWARE of sysexits).
UNFORESEEN: Final = 70

_EXITS: Final = """
Exit status: 0 done; 1 the answer is no (a demo that missed a fault); 2 settings or arguments; 3 database; 4 log
(a broken digest, a lease held by another); 5 gateway; 6 books; 7 alerts; 8 simulator; 9 the service did not stop
cleanly; 10 a decision is refused; 70 a defect of recon; 130 interrupted; 141 the reader of the output has gone.
"""

app = typer.Typer(
    name="recon",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_EXITS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        write(f"recon {version('recon')}\n")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    show_traceback: Annotated[bool, typer.Option(TRACEBACK, hidden=True)] = False,  # noqa: ARG001 - `run` looks for it
) -> None:
    """Listen to EMS gateways, log every event, keep positions and balances, and flag what does not agree."""
    configure_logging(Log(level="warning"))


app.command()(serving.run)
app.command()(demo.demo)
app.command()(maintenance.migrate)
app.command("check-config")(maintenance.check_config)
app.command()(data.status)
app.command()(data.positions)
app.command()(data.balances)
app.command()(firm.firm)
app.add_typer(coverage.app, name="coverage")
app.command()(data.breaks)
app.add_typer(break_.app, name="break")
app.add_typer(rulings.order_app, name="order")
app.add_typer(rulings.rules_app, name="rules")
app.command()(data.events)
app.command()(record.record)
app.command("import")(importing.import_)
app.command()(maintenance.rebuild)
app.command("what-if")(what_if.what_if)
app.command()(maintenance.verify)
app.add_typer(ems.app, name="ems")
app.command()(serving.simulate)
app.command()(docs.docs)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield what a nursery's group holds, however deeply."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def status_of(error: BaseException) -> int:
    """Say on stderr what failed, in a line for each failure, and return the exit status."""
    foreseen: list[ReconError] = []
    for leaf in _leaves(error):
        if isinstance(leaf, ReconError):
            foreseen.append(leaf)
        elif isinstance(leaf, SQLAlchemyError | psycopg.Error):
            foreseen.append(database_error(leaf, "the database refused or failed"))
        elif not isinstance(leaf, KeyboardInterrupt):
            note(f"recon: a defect: {type(leaf).__name__}: {leaf}; `recon {TRACEBACK} …` shows where, please report it")
            return UNFORESEEN
    if not foreseen:
        return INTERRUPTED
    for line in dict.fromkeys(line for known in foreseen for line in str(known).splitlines()):
        note(f"recon: {line}")
    return foreseen[0].exit_status


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # No character is an error, however few a terminal knows.
            stream.reconfigure(errors="backslashreplace")
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="recon")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001 - the last stop
        if TRACEBACK in arguments:
            traceback.print_exception(error, file=sys.stderr)
        return status_of(error)
    return 0


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
