"""`recon simulate`: the built-in EMS simulator alone, until it is stopped."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import trio
import typer

from recon.cli.connection import log_warnings_only
from recon.cli.output import write
from recon.display.words import counted
from recon.errors import ConfigError, SimulationError
from recon.network_errors import system_text
from recon.simulator.run import run_simulator
from recon.simulator.scenarios import LEAST_SECONDS, PLANS


def simulate(
    *,
    plan: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The day: demo (with faults), watched (sooner), clean, catch_up (gaps).",
        ),
    ] = "demo",
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    duration: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=1, help=f"Seconds of trading; with planted faults at least {LEAST_SECONDS}."
        ),
    ] = 60.0,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        list[int] | None,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Port of a gateway, once for each, in order. [default: any free one]"
        ),
    ] = None,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the planted faults to this file.")] = None,
    ready: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the addresses to this file.")] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the API key that clients must send.")
    ] = None,
) -> None:
    """Run the built-in EMS simulator alone, until Ctrl-C.

    It prints the name and address of each gateway. A gateway's day starts with its first client.
    """
    if plan not in PLANS:
        raise typer.BadParameter(f"must be one of {', '.join(sorted(PLANS))}", param_hint="--plan")
    try:
        gateways = [gateway.name for gateway in PLANS[plan](seed, duration).gateways]
    except SimulationError:
        why = f"must be at least {LEAST_SECONDS}, so that planted faults can be judged; {duration:g} is not"
        raise typer.BadParameter(why, param_hint="--duration") from None
    if port and len(port) != len(gateways):
        there = f"{counted(len(gateways), 'gateway')} ({', '.join(gateways)})"
        counts = f"the day {plan} has {there}, and {len(port)} given"
        usage = " ".join("--port PORT" for _ in gateways)
        raise typer.BadParameter(f"{counts}; give one port for each, in this order: {usage}", param_hint="--port")
    try:
        api_key = None if api_key_file is None else api_key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{api_key_file}: the API key cannot be read: {system_text(error)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{api_key_file}: the API key cannot be read: it is not UTF-8 text") from error
    log_warnings_only()
    trio.run(
        partial(
            run_simulator,
            plan_name=plan,
            seed=seed,
            duration=duration,
            ports=port or [0] * len(gateways),
            truth_file=truth,
            ready_file=ready,
            api_key=api_key,
            host=host,
            announce=lambda line: write(f"{line}\n"),
        )
    )
