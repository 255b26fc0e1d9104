"""`python -m recon.simulator`: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import structlog
import trio

from recon.errors import ReconError, SimulationError
from recon.network_errors import system_text
from recon.simulator.run import run_simulator
from recon.simulator.scenarios import PLANS


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m recon.simulator", description="Simulated EMS gateways.")
    parser.add_argument("--plan", default="demo", choices=sorted(PLANS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--duration", type=float, default=60.0, help="seconds of trading, from the first client")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ports", default="0,0", help="one a gateway, separated by commas; 0: any free one")
    parser.add_argument("--truth", type=Path, help="file for what was planted")
    parser.add_argument("--ready", type=Path, help="file for the URLs, once they are listening")
    parser.add_argument("--api-key-file", type=Path, help="file with the key that clients must present")
    parser.add_argument(
        "--until-input-ends",
        action="store_true",
        help="stop when the standard input ends",
    )
    return parser.parse_args(given)


def _run(arguments: argparse.Namespace) -> None:
    key_file: Path | None = arguments.api_key_file
    try:
        ports = [int(port) for port in str(arguments.ports).split(",")]
        api_key = None if key_file is None else key_file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise SimulationError(f"{key_file}: the API key cannot be read: it is not UTF-8 text") from error
    except ValueError as error:
        raise SimulationError("--ports takes numbers, separated by commas") from error
    except OSError as error:
        raise SimulationError(f"{key_file}: the API key cannot be read: {system_text(error)}") from error
    trio.run(
        partial(
            run_simulator,
            plan_name=arguments.plan,
            seed=arguments.seed,
            duration=arguments.duration,
            ports=ports,
            truth_file=arguments.truth,
            ready_file=arguments.ready,
            api_key=api_key,
            host=arguments.host,
            until_input_ends=arguments.until_input_ends,
        )
    )


def main(given: list[str] | None = None) -> int:
    """Run until stopped; return the exit status (0 after SIGTERM or an interrupt)."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        _run(_arguments(given))
    except ReconError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
