"""Words of a command line that say nothing, or are no text: refused before anything is read or written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer
from typer._click.core import Command, Context, Parameter
from typer.core import TyperGroup

from recon.display.words import is_blank


def refuse_blanks(command: Command) -> Command:
    """Have a command, and those below it, refuse blank words where a text is given to them; return it."""
    for parameter in command.params:
        _guard(parameter)
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            refuse_blanks(each)
    return command


def _guard(parameter: Parameter) -> None:
    further = parameter.callback

    def check(ctx: Context, of: Parameter, value: object) -> object:
        source = ctx.get_parameter_source(str(of.name))
        if source is not None and source.name == "COMMANDLINE":
            for text in _texts(value):
                _check(text)
        return value if further is None else further(ctx, of, value)

    parameter.callback = check


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)


def _check(text: str) -> None:
    if is_blank(text):
        raise typer.BadParameter("is blank: give it a character that can be seen")
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        raise typer.BadParameter("holds bytes that are no UTF-8")
