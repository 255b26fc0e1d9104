"""What a command line that cannot be understood is told: what is wrong, what fits, and where the help is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote
from typing import Final, TypeAlias

from typer._click import exceptions as given  # no public name leads to these errors
from typer._click.core import Context, Parameter
from typer.core import TyperGroup

from recon.library_words import DOES_NOT_FIT, setting_problem
from recon.nearest import did_you_mean, listed

#: The exit status of a command line that cannot be understood.
MISUSED: Final = 2
ClickException: TypeAlias = given.ClickException

#: Commands that people give something to without its option: what, and the option.
_TAKEN_BY_OPTION: Final = {"sql": ("a query", "-c"), "close": ("a day", "--date")}
#: Options that ask for a past time, and the commands that have them.
_OF_A_PAST_TIME: Final = frozenset({"--as-of", "--known-at"})
_OF_THE_PAST: Final = ("balances", "positions", "breaks", "break show", "orders", "fills", "entries", "coverage")
_NO_COMMAND: Final = re.compile(r"No such command '(?P<name>.*)'\.")
_TOO_MANY: Final = re.compile(r"Got unexpected extra argument\(s\) \((?P<words>.*)\)")
_WITHOUT_VALUE: Final = re.compile(r"Option '(?P<name>[^']*)' (?P<how>requires|does not take)")
#: A number of the command line that is none, by pydantic's type of error; with an example.
_NUMBERS: Final = {"int": "takes a whole number, such as 10", "float": "takes a number, such as 60"}


def misuse(error: given.ClickException) -> list[str]:
    """Return the lines that tell what is wrong with a command line, and where the help is."""
    if isinstance(error, given.NoArgsIsHelpError):
        return error.format_message().splitlines()
    context = error.ctx if isinstance(error, given.UsageError) else None
    lines = [f"recon: {_problem(error, context)}"]
    if context is not None:
        lines.append(f"help: {context.command_path} -h")
    return lines


def _problem(error: given.ClickException, context: Context | None) -> str:
    if isinstance(error, given.NoSuchOption) and error.option_name in _OF_A_PAST_TIME:
        return f"what this shows is kept as it is now alone; {listed(_OF_THE_PAST)} have {error.option_name}"
    if isinstance(error, given.NoSuchOption):
        known = [] if context is None else _options(context)
        return f"there is no option {error.option_name}{did_you_mean(error.option_name, known)}"
    if isinstance(error, given.MissingParameter):
        return _missing(error, context)
    if isinstance(error, given.BadParameter):
        return _bad(error)
    return _other(error.message, context)


def _options(context: Context) -> list[str]:
    return [name for each in context.command.get_params(context) for name in each.opts if name.startswith("--")]


def _missing(error: given.MissingParameter, context: Context | None) -> str:
    command = "" if context is None else f"{context.command_path} "
    if error.param is None:
        return f"{command}needs one more argument"
    what = _name(error.param)
    meaning = str(getattr(error.param, "help", None) or "").rstrip(".")
    return f"{command}needs {what}{f': {meaning[0].lower()}{meaning[1:]}' if meaning else ''}"


def _name(parameter: Parameter) -> str:
    """Return how a parameter is written: an option with what stands for its value, an argument as that alone."""
    options = [name for name in parameter.opts if name.startswith("-")]
    metavar = str(getattr(parameter, "metavar", None) or "")
    if not options:
        return metavar or str(parameter.name).upper()
    longest = max(options, key=len)
    return f"{longest} {metavar}".rstrip()


def _bad(error: given.BadParameter) -> str:
    """Return what is wrong with a value; our own words stay as they are."""
    if error.param is None or error.param_hint is not None:
        hint = error.param_hint if isinstance(error.param_hint, str) else " / ".join(error.param_hint or ())
        return f"{hint} {error.message}".lstrip()
    name = _name(error.param).partition(" ")[0]
    details = getattr(error.__cause__, "errors", None)
    if details is None:
        return f"{name} {error.message}"
    (detail, *_) = details(include_url=False)
    value = detail.get("input")
    choices = getattr(getattr(error.param, "type_descriptor", None), "choices", None)
    if choices:
        words = [str(getattr(each, "value", each)) for each in choices]
        return f"{name} must be {listed(words, 'or')}; {_shown(value)} is not{did_you_mean(str(value), words)}"
    kind = str(detail["type"]).partition("_")[0]
    if detail["type"].endswith("_parsing") and kind in _NUMBERS:
        return f"{name} {_NUMBERS[kind]}; {_shown(value)} is none"
    problem = setting_problem(detail["type"], detail["msg"], detail.get("ctx"), value)
    return f"{name} {problem}; {_shown(value)} {'is not' if problem != DOES_NOT_FIT else 'was given'}"


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _other(message: str, context: Context | None) -> str:
    no_command = _NO_COMMAND.search(message)
    if no_command is not None:
        known: Sequence[str] = ()
        if context is not None and isinstance(context.command, TyperGroup):
            known = context.command.list_commands(context)
        return f"there is no command {no_command['name']}{did_you_mean(no_command['name'], known)}"
    too_many = _TOO_MANY.search(message)
    if too_many is not None:
        if context is not None and context.command.name in _TAKEN_BY_OPTION:
            what, option = _TAKEN_BY_OPTION[context.command.name]
            return f"{what} is given with {option}: `{context.command_path} {option} {quote(too_many['words'])}`"
        return f"this is too much: {too_many['words']}"
    value = _WITHOUT_VALUE.search(message)
    if value is not None:
        return f"{value['name']} {'needs a value' if value['how'] == 'requires' else 'takes no value'}"
    if message == "Missing command.":
        return "a command is missing"
    return message
