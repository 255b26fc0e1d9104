"""Running command lines inside a test, as one person or another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from recon.cli.main import run
from recon.db.engine import create_engine
from recon.db.roles import OPERATOR
from tests.conftest import TestDatabase

#: Becomes the person of this name from here on.
Become = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Recon = Callable[..., Result]


@pytest.fixture
def recon(capsys: pytest.CaptureFixture[str]) -> Recon:
    """Run a command line."""

    def command(*arguments: str) -> Result:
        capsys.readouterr()
        status = run(arguments)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return command


@pytest.fixture
def become(database: TestDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Become]:
    """Act as people, each with a login of their own, under settings that name the gateway."""
    path = tmp_path / "recon.toml"
    path.write_text('[gateways.prod-eu]\nurls = ["ws://127.0.0.1:1/"]\n', encoding="utf-8")
    monkeypatch.setenv("RECON_CONFIG", str(path))
    superuser, made = create_engine(database.superuser_url, "tests", pooled=False), []

    def become(name: str) -> None:
        login = f"{name}_of_{database.name}"
        if login not in made:
            with superuser.begin() as connection:
                connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {OPERATOR}"))
            made.append(login)
        url = make_url(database.superuser_url).set(username=login).render_as_string(hide_password=False)
        monkeypatch.setenv("RECON_DATABASE__OPERATOR_URL", url)

    yield become
    with superuser.begin() as connection:
        for login in made:
            connection.execute(text(f"DROP ROLE {login}"))
