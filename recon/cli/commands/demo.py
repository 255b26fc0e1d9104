"""`recon demo`: the demonstration, on a live screen or in short lines."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from recon.cli.demo.display import Display, LineDisplay, LiveDisplay
from recon.cli.demo.run import Options, run_demo
from recon.cli.demo.summary import Summary, print_summary
from recon.cli.demo.try_next import TryNext
from recon.cli.output import spelling, write
from recon.simulator.scenarios import LEAST_SECONDS


def demo(
    *,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", help=f"Seconds of trading, at least {LEAST_SECONDS}.", max=86_400)
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    headless: Annotated[
        bool, typer.Option("--headless", help="No live screen: short lines and a summary, for scripts and pipes.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the database in this empty or new directory. [default: remove it]"),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End after the day, instead of serving its data until Ctrl-C.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON document (headless).")] = False,
) -> None:
    """Show recon at work on a simulated trading day.

    Two gateways, six accounts, spot and derivatives, with planted faults, live on a screen.

    On a terminal it goes on serving, with the page, so that commands can be tried on its data. The exit status is 0 if
    every planted fault was flagged and nothing else, and 1 if not.
    """
    if duration < LEAST_SECONDS:
        why = f"must be at least {LEAST_SECONDS}, so that planted faults can be judged; {duration:g} is not"
        raise typer.BadParameter(why, param_hint="--duration")
    live = not (headless or json) and sys.stdout.isatty()
    options = Options(duration, seed, None if data_dir is None else data_dir.absolute(), stays=live and not once)
    display: Display = LiveDisplay(duration) if live else LineDisplay(quiet=json)

    def tell(summary: Summary, beside: TryNext | None) -> None:
        print_summary(summary, as_json=json)
        if beside is not None:
            width = shutil.get_terminal_size().columns
            write("\n" + "".join(f"{line}\n" for line in beside.lines(summary.score, spelling(), width)))

    summary = run_demo(options, display, tell)
    if options.data_dir is not None and not json:
        write(f"the database is kept: RECON_DATABASE__DATA_DIR={options.data_dir} recon status\n")
    raise typer.Exit(0 if summary.score.passed else 1)
