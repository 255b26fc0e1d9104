"""Options that several commands share, and the settings of a command."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Concatenate, Final, ParamSpec, TypeVar

import typer

from recon.config import Settings, load_settings, secrets_of
from recon.redaction import LAST_NET

#: The settings file where --config is not given; not a setting itself.
CONFIG_VARIABLE: Final = "RECON_CONFIG"

_Shared = TypeVar("_Shared")
_Own = ParamSpec("_Own")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        metavar="FILE",
        help="Settings file (TOML). Without one, all settings come from RECON_ variables.",
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
AccountFilter = Annotated[
    str | None, typer.Option("--account", "-a", metavar="ID", help="Only this account: the EMS exchange_id, exactly.")
]


def settings_of(config: Path | None) -> Settings:
    """Read the settings of a command. Errors: ConfigError."""
    settings = load_settings(config, {name: value for name, value in os.environ.items() if name != CONFIG_VARIABLE})
    LAST_NET.know(secrets_of(settings))
    return settings


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
