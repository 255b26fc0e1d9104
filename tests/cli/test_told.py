"""What is said to a person on a terminal: broken between words, and commands whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.cli.output import note, spell
from recon.cli.spelling import PLAINLY
from recon.cli.tables.text import told_lines, width_of

ERROR = (
    "recon: the database of /var/lib/recon/a/long/way/to/the/data/of/this/gateway/prod-eu-1/which/is/deep was never"
    " migrated; run `recon migrate --config /etc/recon/settings/of/the/gateway/in/production/recon.toml`, then again"
)


def test_an_error_is_broken_between_words_and_its_command_is_whole() -> None:
    lines = told_lines(ERROR, 80)
    assert " ".join(lines) == ERROR
    assert "`recon migrate --config /etc/recon/settings/of/the/gateway/in/production/recon.toml`," in lines
    assert all(width_of(line) <= 80 or " " not in line or line.startswith("`") for line in lines)


def test_a_line_that_is_set_in_is_to_be_copied_and_stays() -> None:
    command = "  recon coverage settle --account KRAKEN/JOHN --from 17 --text TEXT --gateway prod-eu " + "x" * 40
    assert told_lines(command, 80) == [command]


@given(st.lists(st.text("ab`.:", min_size=1, max_size=30), min_size=1), st.integers(20, 100))
def test_no_word_is_lost_and_none_is_broken(words: list[str], width: int) -> None:
    text = " ".join(words)
    assert " ".join(told_lines(text, width)) == text


def test_only_a_terminal_gets_broken_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # A test before this one may have called recon by another name.
    spell(PLAINLY)
    note(ERROR)
    assert capsys.readouterr().err == f"{ERROR}\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    note(ERROR)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 4
    assert lines == told_lines(ERROR, 60)
