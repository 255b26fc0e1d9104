"""A slip on the command line is told in plain words, with what fits and the nearest name; help and completion work."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup

from recon.cli import options
from recon.cli.command_line import COMMANDS, imported
from recon.errors import ConfigError
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.test_library_words import LIBRARY

ROOT = Path(__file__).parents[2]
#: Phrases of the library that reads command lines.
TYPER = re.compile(r"Usage:|Error:|Try '|No such|Missing (option|argument|command)|Got unexpected|Invalid value")


def every_command() -> Iterator[tuple[str, ...]]:
    for name in COMMANDS:
        command = imported(name)
        yield (name,)
        if isinstance(command, TyperGroup):
            yield from ((name, below) for below in command.commands)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("foo", "there is no command foo"),
        ("statsu", "there is no command statsu; did you mean status?"),
        ("break asign", "there is no command asign; did you mean assign?"),
        ("status --gatway x", "there is no option --gatway; did you mean --gateway?"),
        ("break assign", "recon break assign needs --to WHO: the person who works on it"),
        ("break show", "recon break show needs ID|CASE: a break or a case, by id or its first characters"),
        ("events -n x", "--limit takes a whole number, such as 10; 'x' is none"),
        ("events -n 0", "--limit must be at least 1; '0' is not"),
        ("demo --duration abc", "--duration takes a number, such as 60; 'abc' is none"),
        ("demo --duration 20", "--duration must be at least 27, so that planted faults can be judged; 20 is not"),
        ("demo --duration 26.9", "--duration must be at least 27, so that planted faults can be judged; 26.9 is not"),
        ("ems check --seconds 1000", "--seconds must be at most 600.0; '1000' is not"),
        ("events -n", "-n needs a value"),
        ("breaks --json=3", "--json takes no value"),
        ("import a.csv b.csv", "this is too much: b.csv"),
        ("sql select", "a query is given with -c: `recon sql -c select`"),
        ("sql select 1", "a query is given with -c: `recon sql -c 'select 1'`"),
        ("close 2026-11-28", "a day is given with --date: `recon close --date 2026-11-28`"),
        ("events --refused --kind fact", "--refused goes with --gateway, --account and --limit only"),
        ("coverage --since 5x", "--since must be a time in the past (2026-01-05T09:00:00Z) or an age (2h, 7d)"),
        ("record dposit", "KIND must be deposit, withdrawal, transfer,"),
    ],
)
def test_a_slip_is_told_in_words_on_one_line(recon: Recon, given: str, told: str) -> None:
    result = recon(*given.split())
    assert (result.status, result.out) == (2, "")
    first, *rest = result.err.splitlines()
    assert first.startswith(f"recon: {told}"), first
    assert all(line.startswith("help: recon") for line in rest)
    assert not LIBRARY.search(result.err)
    assert not TYPER.search(result.err)


def test_every_command_has_short_help_without_the_names_of_types(recon: Recon) -> None:
    for words in every_command():
        shown = recon(*words, "-h")
        assert shown.status == 0, words
        assert "-h, --help" in shown.out, words
        assert not re.search(r"<[a-z]|x[<>]=|[<>]=x", shown.out), words
        assert [line for line in shown.out.splitlines() if len(line) > 80] == [], words
        assert shown.out == recon(*words, "--help").out


def _completed(*words: str) -> list[str]:
    environ = {**os.environ, "_RECON_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    environ["COMP_CWORD"] = str(len(words) - 1)
    done = subprocess.run(
        [sys.executable, "-c", "from recon.cli.entry import main; main()"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes_commands_and_options() -> None:
    assert _completed("recon", "sta") == ["status"]
    assert _completed("recon", "break", "as") == ["assign"]
    assert _completed("recon", "breaks", "--gat") == ["--gateway"]


def test_the_settings_beside_are_found_and_a_person_is_told(
    recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recon.toml").write_text('[gateways.mine]\nurls = ["wss://ems.example.com/"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shown = recon("check-config")
    assert shown.status == 0
    assert "gateways.mine" in shown.out
    assert "settings: " not in shown.err, "a script is not told"

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "1000")
    told = recon("check-config")
    assert told.err.startswith("settings: recon.toml\n")
    assert "settings: " not in told.out
    other = tmp_path / "other.toml"
    other.write_text('[gateways.other]\nurls = ["wss://ems.example.com/"]\n', encoding="utf-8")
    named = recon("check-config", "--config", str(other))
    assert "gateways.other" in named.out
    assert "settings: " not in named.err, "who names a file knows it"
    monkeypatch.setenv(options.CONFIG_VARIABLE, str(other))
    assert recon("check-config").err.startswith(f"settings: {other}\n")


def test_settings_beside_that_anybody_may_write_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recon.toml").write_text("", encoding="utf-8")
    (tmp_path / "recon.toml").chmod(0o666)
    assert (tmp_path / "recon.toml").stat().st_mode & stat.S_IWOTH
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"recon\.toml is of another account, or anybody may write to it"):
        options.settings_of(None)


@pytest.mark.postgres
def test_a_name_that_nothing_has_is_refused_with_the_nearest(recon: Recon, day: TestDatabase) -> None:
    for given, told in (
        ("events --account KRAKEN", "no gateway has an account 'KRAKEN'; did you mean KRAKEN/JOHN?"),
        ("events --kind BALANCE_UPDAT", "there is no kind of event 'BALANCE_UPDAT'; did you mean BALANCE_UPDATE?"),
        ("events --gateway prod-e", "no gateway 'prod-e' has a log; did you mean prod-eu?"),
        ("coverage --account kraken/jon", "did you mean KRAKEN/JOHN?"),
        ("balances --account KRAKEN", "did you mean KRAKEN/JOHN?"),
        ("break assign --account KRAKEN --to x --yes", "did you mean KRAKEN/JOHN?"),
        ("break assign --cause missed_fil --to x --yes", "did you mean missed_fill?"),
        ("order settle --account KRAKEN --order x --text y", "did you mean KRAKEN/JOHN?"),
        ("status --gateway prod-e", "did you mean prod-eu?"),
        ("rebuild --gateway prod-e", "did you mean prod-eu?"),
        ("rules show --gateway prod-e", "did you mean prod-eu?"),
        ("docs operatr", "did you mean operator?"),
    ):
        result = recon(*given.split())
        assert (result.status, result.out) == (2, ""), given
        assert told in result.err, given
