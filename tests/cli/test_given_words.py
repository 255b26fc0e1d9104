"""Blank words and bytes that are no text are refused by every command, before anything is read or written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer._click.core import Command
from typer.core import TyperGroup

from recon.cli.command_line import COMMANDS, imported
from tests.cli.conftest import Recon

BLANK = ("", "  ", "\t", "\n", "\u00a0", "\u200b", "\u2800", "\x01")


def _texts(command: Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield each option of text, with the words of its command before it."""
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _texts(each, (*path, name))
        return
    for parameter in command.params:
        annotation = str(getattr(getattr(parameter, "type_descriptor", None), "annotation", ""))
        if annotation == "<class 'str'>" and parameter.param_type_name == "option":
            yield (*path, max(parameter.opts, key=len))


TEXTS = [words for name in COMMANDS for words in _texts(imported(name), (name,))]


@pytest.mark.parametrize("words", TEXTS, ids=" ".join)
def test_every_option_of_text_refuses_a_blank_one(recon: Recon, words: tuple[str, ...]) -> None:
    result = recon(*words, "\t")
    # A job has a status of its own for whatever kept it from running.
    assert result.status == (3 if words[0] == "check" else 2)
    assert f"recon: {words[-1]} is blank: give it a character that can be seen\n" in result.err


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_whatever_cannot_be_seen_is_blank(recon: Recon, text: str) -> None:
    assert "--text is blank" in recon("break", "comment", "0123456789", "--text", text).err
    assert "--to is blank" in recon("break", "assign", "0123456789", "--to", text).err
    assert "ID|CASE is blank" in recon("break", "show", text).err


def test_bytes_that_are_no_text_are_refused(recon: Recon) -> None:
    result = recon("break", "comment", "0123456789", "--text", "f\udcfcr")
    assert (result.status, result.err.splitlines()[0]) == (2, "recon: --text holds bytes that are no UTF-8")


def test_the_texts_that_are_looked_for_are_there() -> None:
    assert {("break", "comment", "--text"), ("record", "--id"), ("limits", "set", "--reason")} <= set(TEXTS)
    assert len(TEXTS) > 100
