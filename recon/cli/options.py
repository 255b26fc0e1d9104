"""Options that several commands share, and the settings of a command."""

from __future__ import annotations

import inspect
import os
import stat
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Concatenate, Final, ParamSpec, TypeVar

import typer

from recon.cli.output import note
from recon.config import Settings, load_settings, secrets_of
from recon.errors import ConfigError
from recon.redaction import LAST_NET

#: The settings file where --config is not given; not a setting itself.
CONFIG_VARIABLE: Final = "RECON_CONFIG"

#: The settings file where nothing names one.
CONFIG_BESIDE: Final = Path("recon.toml")

_Shared = TypeVar("_Shared")
_Own = ParamSpec("_Own")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        metavar="FILE",
        help="Settings file (TOML). [default: ./recon.toml if there is one; RECON_ variables override it]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document: decimals as strings, times in UTC.")]
NewAssets = Annotated[
    list[str] | None,
    typer.Option(
        "--new-asset", metavar="CODE", help="An asset that the account does not have yet; may be given several times."
    ),
]
GatewayFilter = Annotated[
    str | None, typer.Option("--gateway", "-g", metavar="NAME", help="Only this gateway, by its name in the settings.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        min=1,
        help="Gateways at a time, each in a process of its own. [default: as many as there are cores]",
    ),
]
AccountFilter = Annotated[
    str | None, typer.Option("--account", "-a", metavar="ID", help="Only this account: the EMS exchange_id, exactly.")
]
AccountsFilter = Annotated[
    list[str] | None,
    typer.Option("--account", "-a", metavar="ID", help="Only this account; may be given several times."),
]


def day_of(text: str) -> date:
    """Return the day of --date. Errors: typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be a day such as 2026-11-28", param_hint="--date") from None


def settings_of(config: Path | None) -> Settings:
    """Read the settings of a command, and say to a person which file is used. Errors: ConfigError."""
    found = settings_file(config)
    named = found is not None and (config is None or os.environ.get(CONFIG_VARIABLE) == str(config))
    if named and sys.stderr.isatty():
        note(f"settings: {found}")
    settings = load_settings(found, {name: value for name, value in os.environ.items() if name != CONFIG_VARIABLE})
    LAST_NET.know(secrets_of(settings))
    return settings


def settings_file(config: Path | None) -> Path | None:
    """Return the settings file that is used: the named one, or recon.toml beside. Errors: ConfigError."""
    return config or _beside()


def _beside() -> Path | None:
    """Return the settings file in the working directory, if there is one that nobody else may have put there.

    A settings file names commands that recon runs. Errors: ConfigError where it is of somebody else.
    """
    try:
        status = CONFIG_BESIDE.stat()
    except OSError:
        return None
    if status.st_uid in {0, os.geteuid()} and not status.st_mode & stat.S_IWOTH:
        return CONFIG_BESIDE
    raise ConfigError(
        f"{CONFIG_BESIDE} is of another account, or anybody may write to it; name it by --config if you trust it"
    )


def with_options(
    shared: Callable[..., _Shared],
) -> Callable[[Callable[Concatenate[_Shared, _Own], None]], Callable[..., None]]:
    """Make a command of a function whose first argument is made from options that several commands share.

    The command has the options of `shared`, whose result is the first argument, and the function's own. Of two options
    with one name, the function's own wins and `shared` gets its default.
    """
    common = inspect.signature(shared, eval_str=True).parameters

    def decorate(function: Callable[Concatenate[_Shared, _Own], None]) -> Callable[..., None]:
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        names = [name for name in common if name not in {parameter.name for parameter in own}]
        parameters = sorted([*own, *(common[name] for name in names)], key=lambda parameter: parameter.kind)

        # typer reads the arguments by the signature below, so they fit the function but for its first argument.
        called: Callable[..., None] = function

        def command(**arguments: object) -> None:
            values = {name: arguments.pop(name) for name in names}
            called(shared(**values), **arguments)

        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what `inspect` looks for
        return command

    return decorate
