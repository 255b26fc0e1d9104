"""How a person called recon, for commands to copy: as they typed it, with the settings file that they named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

#: How commands are written in texts.
PLAIN: Final = "recon"
_MODULE: Final = ("-m", "recon.cli")
_CONFIG: Final = ("-c", "--config")
#: Commands after whose name `-c` is something else: a statement.
_OTHER_SHORT: Final = frozenset({"sql"})


class Spelling:
    """How commands are written for one person; `commands` are the names after which a text is known to be one."""

    def __init__(self, program: str = PLAIN, commands: Collection[str] = ()) -> None:
        """Prepare."""
        self.program = program
        self._commands = commands

    def of(self, text: str) -> str:
        """Return a text with its commands as the person would type them."""
        return text if self.program == PLAIN else self._pattern.sub(lambda _: self.program, text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = "|".join(sorted(map(re.escape, self._commands), key=len, reverse=True))
        return re.compile(rf"(?<![\w./@-]){PLAIN}(?= (?:{names})(?![\w-]))")


#: Commands as every text has them.
PLAINLY: Final = Spelling()


def spelling_of(
    original: Sequence[str], script: str, on_path: str | None, arguments: Sequence[str], commands: Collection[str]
) -> Spelling:
    """Return how commands are written for whoever started this process.

    `original` is the process's own command line, `script` what it runs, and `on_path` what `recon` alone would run.
    """
    program = PLAIN
    if tuple(original[1:3]) == _MODULE:
        program = shlex.join(original[:3])
    elif Path(script).name == PLAIN and script != on_path:
        program = shlex.quote(script)
    named = _named_file(arguments)
    return Spelling(program if named is None else f"{program} -c {shlex.quote(named)}", commands)


def _named_file(arguments: Sequence[str]) -> str | None:
    """Return the settings file that a command line names, if any."""
    short = True
    for number, each in enumerate(arguments):
        if each == "--":
            return None
        if each == _CONFIG[1] or (short and each == _CONFIG[0]):
            return next(iter(arguments[number + 1 : number + 2]), None)
        if each.startswith("--config="):
            return each.partition("=")[2]
        if each in _OTHER_SHORT:
            short = False
        if short and re.match(r"-c[^-]", each):
            return each[2:].removeprefix("=")
    return None
