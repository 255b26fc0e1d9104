"""The cookbook: questions that people ask in SQL, each a file in `recon/queries`.

A file begins with its question, then says `why` anybody asks it, and which column tells on how much `coverage` the
answer rests. A question of a past time has `:valid_at` and `:known_at` in its SQL.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

import msgspec

from recon.errors import ConfigError
from recon.nearest import hint

_SUFFIX: Final = ".sql"
#: The lines of comment above the SQL, and what they say.
_HEAD: Final = re.compile(r"-- (?P<title>.+\?)\n-- why: (?P<why>.+)\n-- coverage: (?P<column>\w+): (?P<coverage>.+)\n")
_PAST: Final = ":valid_at"


class Question(msgspec.Struct, frozen=True):
    """A question of the cookbook; `coverage_column` is explained by `coverage`, and `of_past` ones take a time."""

    name: str
    title: str
    why: str
    coverage_column: str
    coverage: str
    sql: str

    @property
    def of_past(self) -> bool:
        """True if it can be asked of a past time."""
        return _PAST in self.sql


def read_questions() -> dict[str, Question]:
    """Return every question by its name, in alphabetical order."""
    found = sorted((files("recon") / "queries").iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(_SUFFIX): parse_question(file.name.removesuffix(_SUFFIX), file.read_text("utf-8"))
        for file in found
        if file.name.endswith(_SUFFIX)
    }


def question_named(name: str) -> Question:
    """Return a question. Errors: ConfigError where there is none of that name."""
    questions = read_questions()
    if name not in questions:
        raise ConfigError(f"there is no question {name!r}; {hint(name, questions)}; `recon query --list` has all")
    return questions[name]


def parse_question(name: str, content: str) -> Question:
    """Read the file of a question. Errors: ConfigError where its head is not complete."""
    head = _HEAD.match(content)
    if head is None:
        raise ConfigError(f"the file of the question {name!r} lacks its question, why or coverage; install recon again")
    return Question(name, head["title"], head["why"], head["column"], head["coverage"], content[head.end() :].strip())
