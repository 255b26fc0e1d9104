"""`recon limits`, and every command that reads as a limited person runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recon.db.roles import ANALYST, OPERATOR, SERVICE
from recon.reads.cookbook import read_questions
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.logins import login_of

pytestmark = pytest.mark.postgres

MINE = "KRAKEN/JOHN"
#: What somebody who sees `MINE` alone finds nowhere: the other accounts, and the other gateway.
HIDDEN = ("BINANCE", "BITMEX", "prod-us", "DERIBIT", "COINBASE")
#: Commands that read, each of the day's books.
COMMANDS = (
    "status", "positions", "balances", "firm", "fees", "orders", "fills", "entries", "findings", "coverage", "breaks",
    "breaks --all", "breaks --legs", "alerts list", "alerts pending",
    "events --gateway prod-eu", "facts show", "sources",
    "rules show", "rules show --json", "close --list", "balances --as-of 1s --known-at 1s", "check --fail-on none",
    "report balances", "report fills --format json", "limits show", "limits show --history",
    "sql -c TABLE(gateways)", "sql -c TABLE(breaks)",
)  # fmt: skip


@pytest.fixture
def bound(day: TestDatabase, monkeypatch: pytest.MonkeyPatch, recon: Recon) -> Iterator[str]:
    """A limited person, who runs each command from here on."""
    with login_of(day, "bound", ANALYST, OPERATOR) as url:
        name = url.split("//")[1].split("@", maxsplit=1)[0]
        monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", day.owner_url)
        assert recon("limits", "set", name, f"prod-eu:{MINE}", "--reason", "a test").status == 0
        monkeypatch.setenv("RECON_DATABASE__URL", url)
        yield name
        assert recon("limits", "lift", name, "--reason", "the test is over").status == 0


def test_no_command_shows_a_limited_person_another_account(bound: str, recon: Recon) -> None:
    assert MINE in recon("balances").out
    ended: dict[str, int] = {}
    for command in COMMANDS:
        words = command.replace("TABLE(", "TABLE recon.").replace(")", "").split(" ")
        words = [*words[:2], " ".join(words[2:])] if words[0] == "sql" else words
        done = recon(*words)
        assert not [name for name in HIDDEN if name in done.out + done.err], command
        ended[command] = done.status
        assert "defect" not in done.err, command
    # Nothing but that no service runs and that the day is over keeps a command from its answer.
    assert {command: status for command, status in ended.items() if status not in {0, 11}} == {
        "check --fail-on none": 2
    }
    for question in read_questions().values():
        done = recon("query", question.name)
        assert not [name for name in HIDDEN if name in done.out + done.err], question.name


def test_a_limited_person_writes_no_evidence(bound: str, recon: Recon, tmp_path: object) -> None:
    done = recon("evidence", "--date", "2026-01-05", "-o", f"{tmp_path}/evidence", "--gateway", "prod-eu")
    assert done.status != 0
    assert not [name for name in HIDDEN if name in done.out + done.err]


def test_limits_are_set_and_lifted_by_the_owner(
    day: TestDatabase, recon: Recon, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = recon("limits", "set", "somebody", "*:X", "--reason", "a test")
    assert (refused.status, "limits are set and lifted as the owner" in refused.err) == (2, True)
    monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", day.owner_url)
    for arguments, told in (
        (("set", "nobody_there", "*:X", "--reason", "a test"), "there is no login nobody_there"),
        (("set", SERVICE, "*:X", "--reason", "a test"), "no limit holds it"),
        (("set", ANALYST, "X", "--reason", "a test"), "is no GATEWAY:ACCOUNT"),
        (("set", ANALYST, "*:X", "--reason", " "), "--reason is blank"),
        (("lift", ANALYST, "--reason", "a test"), "is not limited"),
    ):
        done = recon("limits", *arguments)
        assert (done.status, told in done.err) == (2, True), done.err
    assert recon("limits", "show", "--json").json() == []
    assert recon("limits", "set", ANALYST, "prod-eu:KRAKEN/*", "*:X", "--reason", "a test").status == 0
    assert recon("limits", "set", ANALYST, "*:X", "--reason", "less").status == 0
    assert [row["account"] for row in recon("limits", "show", "--json").json()] == ["X"]
    assert recon("limits", "lift", ANALYST, "--reason", "over").status == 0
    changes = [
        (row["change"], row["account"], row["reason"]) for row in recon("limits", "show", "--history", "--json").json()
    ]
    assert changes == [
        ("removed", "X", "over"),
        ("removed", "KRAKEN/*", "less"),
        ("added", "X", "a test"),
        ("added", "KRAKEN/*", "a test"),
    ]
