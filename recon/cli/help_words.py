"""The help of a command in words: what an option takes is `SECONDS` or `1 to 600`, not the name of a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from typer._click.core import Command, Context, Parameter
from typer.core import TyperGroup

#: What stands for a value whose option names none, by the type of the value.
_PLACEHOLDERS: Final[Mapping[object, str]] = {float: "NUMBER", int: "NUMBER", str: "TEXT"}

#: Most characters of choices beside a name.
_MOST_CHOICES: Final = 40


def say_plainly(command: Command) -> Command:
    """Replace what the library says of types and ranges, for the command and those below it; return it."""
    for parameter in command.params:
        for name, text in (("display_type_rich", _takes(parameter)), ("_get_number_range_help_str", _range(parameter))):
            if text is not None:
                # The library asks each parameter by these methods, and has no setting for the words.
                setattr(parameter, name, _answering(text))
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            say_plainly(each)
    return command


def _answering(text: str) -> object:
    def answer(ctx: Context | None = None) -> str:  # noqa: ARG001 - the library gives it
        return text

    return answer


def _takes(parameter: Parameter) -> str | None:
    """Return what a parameter takes; None where the library's own words are none of a type."""
    descriptor = getattr(parameter, "type_descriptor", None)
    choices = getattr(descriptor, "choices", None)
    if choices:
        words = "|".join(str(getattr(each, "value", each)) for each in choices)
        if len(words) <= _MOST_CHOICES:
            return words
        # The help names them: a list this long does not fit beside a name.
        return "" if parameter.param_type_name == "argument" else "WORD"
    if parameter.param_type_name == "argument":
        return ""  # its name says it
    if getattr(parameter, "metavar", None) is None and not getattr(parameter, "is_flag", False):
        return _PLACEHOLDERS.get(getattr(descriptor, "annotation", None), "VALUE")
    return None


def _range(parameter: Parameter) -> str | None:
    least, most = (getattr(parameter, name, None) for name in ("min", "max"))
    if least is None and most is None:
        return None
    if least is None or most is None:
        return f"at most {most:g}" if least is None else f"at least {least:g}"
    return f"{least:g} to {most:g}"
