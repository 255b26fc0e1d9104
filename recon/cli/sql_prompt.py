"""The prompt of `recon sql` where there is no psql: one statement at a time, ended by a semicolon."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from recon.cli.output import note, write
from recon.errors import ConfigError, OutputError, ReconError

#: Most characters of one statement; more is a mistake of a clipboard.
MAX_STATEMENT: Final = 1_000_000
HELP: Final = (
    "End a statement with ; to run it. \\d lists what there is, \\d NAME one thing with its columns, \\q leaves.\n"
    "Statements only read, each for at most 60 s."
)

Ask = Callable[[str], None]
Describe = Callable[[str | None], None]
ReadLine = Callable[[str], str]


def run_prompt(read_line: ReadLine, ask: Ask, describe: Describe) -> None:
    """Read statements and run each, until the input ends or somebody leaves; a refused one ends no other."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - importing it is what makes lines editable
    note(HELP)
    while True:
        try:
            text = _statement(read_line)
        except KeyboardInterrupt:
            write("\n")
            continue
        except EOFError:
            write("\n")
            return
        if text in {"\\q", "exit", "quit"}:
            return
        try:
            if text.startswith("\\"):
                _command(text, describe)
            elif text.strip("; \n"):
                ask(text)
        except OutputError:
            raise
        except ReconError as error:
            note(str(error))
        except KeyboardInterrupt:
            note("interrupted")


def _command(text: str, describe: Describe) -> None:
    word, _, rest = text.partition(" ")
    if word not in {"\\d", "\\df", "\\dv", "\\h", "\\?"}:
        raise ConfigError(f"there is no {word} here; {HELP}")
    if word in {"\\h", "\\?"}:
        note(HELP)
        return
    describe(rest.strip().removeprefix("recon.") or None)


def _statement(read_line: ReadLine) -> str:
    """Read lines until a statement is whole: to its semicolon, or one line that is a command of the prompt."""
    lines: list[str] = []
    while True:
        line = read_line("recon> " if not lines else "  ...> ").rstrip()
        if not lines and (line.startswith("\\") or line in {"exit", "quit"}):
            return line
        if line or lines:
            lines.append(line)
        text = "\n".join(lines)
        if len(text) > MAX_STATEMENT:
            raise ConfigError(f"this statement has more than {MAX_STATEMENT:,} characters")
        if line.endswith(";"):
            return text
