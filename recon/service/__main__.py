"""`python -m recon.service --config FILE`: the service alone, without the rest of the command line."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from recon.config import load_settings
from recon.errors import ReconError
from recon.service.run import run_service


def main(given: list[str] | None = None) -> int:
    """Run the service until it is stopped; return the exit status, as `recon.errors` and `run` document it."""
    parser = argparse.ArgumentParser(prog="python -m recon.service", description="Run the service until stopped.")
    parser.add_argument("--config", type=Path, help="the settings file")
    try:
        run_service(load_settings(parser.parse_args(given).config, os.environ))
    except ReconError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
