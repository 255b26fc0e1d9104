"""The page of a demonstration: its address is its own once it is named."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from recon.cli.demo.page import DemoPage, listening_page
from recon.cli.demo.scoring import Score
from recon.cli.demo.try_next import TryNext
from recon.cli.spelling import PLAINLY, Spelling


def test_two_demonstrations_at_once_name_two_addresses_and_each_answers_at_its_own() -> None:
    with listening_page() as one, listening_page() as other:
        assert one.listen != other.listen
        for page in (one, other):
            host, port = page.listen.split(":")
            with socket.create_connection((host, int(port))) as client:
                connection, address = page.bound.accept()
                with connection:
                    assert address == client.getsockname()


@pytest.mark.parametrize(
    "spelling", [PLAINLY, Spelling("/opt/of a long way/bin/python -m recon.cli", ("status", "balances"))]
)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_what_to_try_fits_the_terminal_without_breaking_a_command(spelling: Spelling, width: int) -> None:
    with socket.socket() as bound:
        page = DemoPage(bound, "127.0.0.1:8080", {"alice": "abcdefgh", "bob": "ijklmnop"})
        lines = list(TryNext(Path("/tmp/recon.toml"), page).lines(Score([], [], []), spelling, width))  # noqa: S108 - a name alone
    assert [line for line in lines if len(line) > width] == []
    assert f"  {spelling.of('recon status')}" in [line[: len(f"  {spelling.of('recon status')}")] for line in lines]
    told = " ".join(" ".join(lines).split())
    assert "recon status what needs somebody" in told.replace(spelling.program, "recon")
    assert "log in as one of: alice (abcdefgh), bob (ijklmnop)" in told
