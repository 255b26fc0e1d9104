"""Options that several commands share, and how settings are found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from recon.config import Settings, load_settings

#: Names the settings file where --config does not; it is no setting itself.
CONFIG_VARIABLE: Final = "RECON_CONFIG"

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        metavar="FILE",
        help="Settings file (TOML). Without one the RECON_ variables alone are the settings.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document: decimals as strings, times in UTC.")]
GatewayFilter = Annotated[
    str | None, typer.Option("--gateway", "-g", metavar="NAME", help="Only this gateway, by its name in the settings.")
]
AccountFilter = Annotated[
    str | None, typer.Option("--account", "-a", metavar="ID", help="Only this account: the EMS exchange_id, exactly.")
]


def settings_of(config: Path | None) -> Settings:
    """Read the settings of a command. Errors: ConfigError."""
    return load_settings(config, {name: value for name, value in os.environ.items() if name != CONFIG_VARIABLE})
