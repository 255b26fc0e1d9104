"""The commands, and where each is imported from when it is used.

`recon --help` is written from the table below, so it imports no command. A new command is a file in
`recon/cli/commands` and a line here; a test holds each summary equal to the first sentence of the command's own help.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from recon.cli.given_words import refuse_blanks
from recon.cli.help_words import say_plainly
from recon.cli.interrupt import end_in_order

if TYPE_CHECKING:  # typer's copy of click is private, and is not imported by that name
    from typer._click import Command, Context


class Entry(NamedTuple):
    """Where a command is (`module:name`, below `recon.cli.commands`), and its summary.

    A `job` is for schedulers: whatever keeps it from running is told in its document, by one exit status.
    """

    place: str
    summary: str
    job: bool = False


COMMANDS: Final = {
    "run": Entry("run:run", "Run the service until SIGTERM or Ctrl-C."),
    "demo": Entry("demo:demo", "Show recon at work on a simulated trading day."),
    "init": Entry("init:init", "Write a commented settings file, by asking or by options."),
    "doctor": Entry("doctor:doctor", "Look at everything that recon needs, and say what to do."),
    "migrate": Entry("migrate:migrate", "Bring the database to this version's schema."),
    "check-config": Entry("check_config:check_config", "Check the settings and show the effective ones."),
    "status": Entry("status:status", "Show what needs somebody, what is in work, and the rest."),
    "check": Entry("check:check", "Tell a job whether books are clean and covered.", job=True),
    "probe": Entry("probe:probe", "Probe whether recon sees everything now."),
    "positions": Entry("positions:positions", "Show positions: expected, reported, whether they agree."),
    "balances": Entry("balances:balances", "Show balances: expected, reported, whether they agree."),
    "firm": Entry("firm:firm", "Show the firm's totals over all gateways and accounts."),
    "fees": Entry("fees:fees", "Show the fee rates of each account, told or learned."),
    "orders": Entry("orders:orders", "Show orders, the latest first."),
    "fills": Entry("fills:fills", "Show fills, the latest first."),
    "entries": Entry("entries:entries", "Show entries of the ledger, the latest first."),
    "findings": Entry("findings:findings", "Show findings in the data, and what to do about them."),
    "report": Entry("report:report", "Write a report as CSV, JSON, Parquet, xlsx or HTML."),
    "query": Entry("query:query", "Ask a question of the cookbook, or list them all."),
    "sql": Entry("sql:sql", "Ask in SQL: open psql or a prompt, or run one statement."),
    "coverage": Entry("coverage:app", "Show how much was covered, the gaps, and what is open."),
    "close": Entry("close:close", "Close business days, and sign them with two logins."),
    "evidence": Entry("evidence:evidence", "Write a day as evidence that anybody can check."),
    "breaks": Entry("breaks:breaks", "Show open breaks, or all breaks."),
    "break": Entry("break_:app", "Explain breaks, and decide on them."),
    "order": Entry("order:app", "Decide on orders that are not accounted for."),
    "rules": Entry("rules:app", "Show the rules in force, and decide on proposed ones."),
    "limits": Entry("limits:app", "Show and set which accounts a login is limited to."),
    "alerts": Entry("alerts:app", "Show who was told of what and why; silence, retry, test."),
    "events": Entry("events:events", "Show events of the log, oldest first."),
    "record": Entry("record:record", "Record an event the EMS does not report."),
    "import": Entry("import_:import_", "Import a statement: deposits, fees, funding, trades."),
    "sources": Entry("sources:sources", "Show what independent sources said was held."),
    "venues": Entry("venues:venues", "Show what venues that are asked themselves answered last."),
    "facts": Entry("facts:app", "Show material facts that wait, and decide on them."),
    "rebuild": Entry("rebuild:rebuild", "Rebuild all books from the log, verify, and switch."),
    "what-if": Entry("what_if:what_if", "Compare breaks under different rules."),
    "replay": Entry("replay:replay", "Replay recordings without a database."),
    "verify": Entry("verify:verify", "Recompute every digest of the log."),
    "archive": Entry("archive:archive", "Move old parts of the log to Parquet files."),
    "backup": Entry("backup:backup", "Back up the embedded Postgres while it runs."),
    "restore": Entry("restore:restore", "Make a data directory of a backup, beside the one in use."),
    "drill": Entry("drill:drill", "Prove that the last backup can be restored."),
    "support-bundle": Entry("support_bundle:support_bundle", "Collect what somebody else needs to help."),
    "ems": Entry("ems:app", "Check gateways; list the managed cloud's sites."),
    "docs": Entry("docs:docs", "Show the documents that ship with recon."),
    "simulate": Entry("simulate:simulate", "Run the built-in EMS simulator alone, until Ctrl-C."),
}

_EXITS: Final = """
Exit status: 0 done; 1 the answer is no (a demo that missed a fault); 2 settings or arguments; 3 database; 4 log
(a broken digest, a lease held by another); 5 gateway; 6 books; 7 alerts; 8 simulator; 9 the service did not stop
cleanly; 10 a decision is refused; 11 what is shown is not current; 12 a backup is missing or damaged, or failed;
70 a defect of recon; 74 the output cannot be written; 130 interrupted; 141 the reader of the output has gone. `probe`
and `check` have their own.
"""


class LazyGroup(TyperGroup):
    """A group that lists its commands from their summaries, and imports the one that is called."""

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Find the command by its name, as typer does, and import it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else imported(name), rest


def command_line() -> Command:
    """Return the command line with its summaries; no command is imported yet."""
    app = typer.Typer(
        cls=LazyGroup,
        name="recon",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_EXITS,
    )
    app.callback()(_options)
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.summary)(_not_imported)
    return get_command(app)


def imported(name: str) -> Command:
    """Import a command and return it."""
    module, _, attribute = COMMANDS[name].place.partition(":")
    found = getattr(import_module(f"recon.cli.commands.{module}"), attribute)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_not_imported)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name, cls=_class_of(COMMANDS[name]))(found)
    group = get_command(app)
    if not isinstance(group, TyperGroup):  # pragma: no cover - typer makes a group where there is a callback
        raise TypeError(f"{name} is no command")
    return say_plainly(refuse_blanks(group.commands[name]))


def _class_of(entry: Entry) -> type[TyperCommand]:
    if not entry.job:
        return TyperCommand
    from recon.cli.job import JobCommand  # noqa: PLC0415 - brings the database driver, for its errors

    return JobCommand


def _not_imported() -> None:
    """Stand for a command in the list of commands."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - no other command line needs them

        from recon.cli.output import write  # noqa: PLC0415

        write(f"recon {version('recon')}\n")
        raise typer.Exit


def _use(config: str | None) -> str | None:
    """Have every command read this settings file, as it is with RECON_CONFIG."""
    if config is not None:
        os.environ["RECON_CONFIG"] = config
    return config


def _options(
    show_version: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    config: Annotated[  # noqa: ARG001 - its callback acts
        str | None,
        typer.Option("--config", "-c", metavar="FILE", callback=_use, help="Settings file, as after a command."),
    ] = None,
    show_traceback: Annotated[bool, typer.Option("--traceback", hidden=True)] = False,  # noqa: ARG001 - `main` looks for it
) -> None:
    """Listen to EMS gateways, log every event, keep positions and balances, and flag what does not agree."""
    end_in_order()
