"""`recon init` writes a commented file that every command can read, never over another; `recon doctor` looks at all."""

from __future__ import annotations

import io
import socket
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from recon.cli.new_settings import METHODS, Answers, problem_of_url, settings_text
from recon.config import load_settings
from recon.errors import ConfigError
from recon.log.events import TICK
from recon.testing import case_events, load_case
from tests.cli.conftest import Recon
from tests.cli.recorded_service import RecordedService
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_events


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("s3same\n")
    return tmp_path


class Typed(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def test_options_alone_write_a_private_file_that_can_be_read(recon: Recon, here: Path) -> None:
    done = recon(
        *("init", "--gateway", "prod-eu", "--url", "wss://a.example.com/", "--url", "wss://b.example.com/"),
        *("--auth", "header", "--api-key-file", "key", "--account", "KRAKEN/JOHN", "--account", 'odd "x"'),
    )
    assert done.status == 0, done.err
    file = here / "recon.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "s3same" not in file.read_text(encoding="utf-8"), "secrets stay in files of their own"
    settings = load_settings(file, {})
    gateway = settings.gateways["prod-eu"]
    assert gateway.urls == ["wss://a.example.com/", "wss://b.example.com/"]
    assert (gateway.auth.method, gateway.auth.api_key_file) == ("header", here / "key")
    assert sorted(gateway.accounts) == ["KRAKEN/JOHN", 'odd "x"']
    assert recon("check-config").status == 0, "it is found where it is"


def test_what_is_there_is_never_changed(recon: Recon, here: Path) -> None:
    (here / "recon.toml").write_text("# mine\n")
    done = recon("init", "--url", "wss://a.example.com/")
    assert (done.status, "stays as it is" in done.err) == (2, True)
    assert (here / "recon.toml").read_text() == "# mine\n"


def test_a_person_is_asked(recon: Recon, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Questions in the order of the file: name, address, proof, accounts; then what the method needs.
    monkeypatch.setattr("sys.stdin", Typed("prod-us\nwss://a.example.com/\nquery\nBITMEX, DERIBIT\nkey\nn\n"))
    done = recon("init", "mine.toml")
    assert done.status == 0, done.err
    gateway = load_settings(here / "mine.toml", {}).gateways["prod-us"]
    assert (gateway.auth.method, sorted(gateway.accounts)) == ("query", ["BITMEX", "DERIBIT"])


def test_a_person_is_asked_again_for_what_cannot_be_used(
    recon: Recon, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["prod-us", "wsss://a.example.com/", "", "wss://a.example.com/", "heade", "header", "BITMEX", "kye", "key"]
    monkeypatch.setattr("sys.stdin", Typed("".join(f"{line}\n" for line in [*typed, "n"])))
    done = recon("init", "mine.toml")
    assert done.status == 0, done.err
    for told in ("wsss://a.example.com/: an address begins", "did you mean header?", "kye cannot be read: "):
        assert told in done.err
    assert "recon doctor -c mine.toml, and recon run -c mine.toml" in done.err
    gateway = load_settings(here / "mine.toml", {}).gateways["prod-us"]
    assert (gateway.urls, gateway.auth.method) == (["wss://a.example.com/"], "header")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--url", "wss://x/", "--data-dir", "key/data"), "--data-dir key/data cannot be made in "),
        ((), "the gateway's address is missing: give --url"),
        (("--url", "https://x/"), "https://x/: an address begins with wss:// or ws://"),
        (("--url", "wss://x/", "--auth", "heade"), "there is no method 'heade'; did you mean header?"),
        (("--url", "wss://x/", "--gateway", "a\nb"), "a gateway's name has 1 to"),
        (("--url", "wss://x/", "--auth", "header"), "method header needs the file that holds the API key"),
        (("--url", "wss://x/", "--auth", "header", "--api-key-file", "no"), "no cannot be read"),
        (("--url", "wss://x/", "--auth", "certificate"), "client.pem cannot be read"),
        (("--url", "managed"), "managed needs a proof of who asks (--auth): header, query or certificate"),
    ],
)
def test_answers_that_cannot_be_used_write_nothing(
    recon: Recon, here: Path, options: tuple[str, ...], told: str
) -> None:
    done = recon("init", *options)
    assert (done.status, told in done.err) == (2, True), done.err
    assert [each.name for each in here.iterdir()] == ["key"]


def test_without_settings_a_person_is_told_how_to_begin(
    recon: Recon, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__DATA_DIR", str(here / "none"))
    told = recon("status")
    assert (told.status, "begin with `recon init`" in told.err, "recon migrate" in told.err) == (3, True, False)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_file_that_says_what_it_lacks(method: str, here: Path) -> None:
    chosen = next(each for each in METHODS if each == method)
    text = settings_text(Answers(gateway="a b", urls=["managed"], method=chosen, api_key_file="key"))
    (here / "x.toml").write_text(text, encoding="utf-8")
    if method == "none":
        with pytest.raises(ConfigError, match="contradicts method"):
            load_settings(here / "x.toml", {})
    else:
        assert load_settings(here / "x.toml", {}).gateways["a b"].managed is not None


def test_addresses() -> None:
    assert [problem_of_url(url) for url in ("managed", "ws://h/", "wss://h:1/x")] == [None] * 3
    assert all(problem_of_url(url) for url in ("", "h", "wss://", "http://h/", "wss://[/"))


@pytest.mark.postgres
def test_the_doctor_looks_at_everything_and_names_what_failed(recon: Recon, database: TestDatabase, here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (here / "recon.toml").write_text(
        f'[database]\nurl = "{database.service_url}"\n[gateways.eu]\nurls = ["ws://127.0.0.1:{port}/"]\n'
        "[alert_logs.all]\n",
        encoding="utf-8",
    )
    well = recon("doctor", "--offline", "--json")
    assert well.status == 0, well.out
    checks = {(each["area"], each["check"]): each for each in well.json()["checks"]}
    states = {key: each["state"] for key, each in checks.items()}
    assert states["settings", "recon.toml"] == states["database", "connection"] == states["database", "role"] == "ok"
    assert states["clock", "database"] == "ok"
    assert states["backup", "last"] == "hint"
    assert checks["backup", "last"]["detail"] == "no backup is known (operator 11)"
    assert states["service", "running"] == states["settings", "rights"] == "hint"
    assert ("disk", "database") in states

    sick = recon("doctor", "--seconds", "1")
    assert sick.status == 1
    assert "recon ems check --gateway eu" in sick.out
    assert "failed: gateway eu " in sick.err
    assert max(map(len, sick.out.splitlines())) <= 80


@pytest.mark.postgres
def test_the_doctor_names_the_rows_of_other_codes_than_their_assets(
    recon: Recon, database: TestDatabase, here: Path
) -> None:
    case = load_case(Path(__file__).parents[1] / "cases" / "rows-that-no-setting-names")
    write_events(database.service_url, "eu", case_events(case))
    fold(database.service_url, "eu")
    settings = f'[database]\nurl = "{database.service_url}"\n[gateways.eu]\nurls = ["ws://127.0.0.1:1/"]\n'
    (here / "recon.toml").write_text(settings, encoding="utf-8")
    checks = recon("doctor", "--offline", "--json").json()["checks"]
    (units,) = [each for each in checks if each["check"] == "units"]
    assert (units["state"], units["advice"]) == ("hint", "recon balances --account KRAKEN/NEW")
    assert "XXBT, ZUSD are not judged: no setting says what row XBT has" in units["detail"]


@pytest.mark.postgres
def test_the_doctor_says_which_books_do_not_follow_the_log(
    recon: Recon, service: RecordedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def books() -> tuple[str, str]:
        checks = recon("doctor", "--offline", "--json").json()["checks"]
        (found,) = [each for each in checks if each["area"] == "books"]
        return found["state"], found["detail"]

    assert books() == ("ok", "they follow the log")
    monkeypatch.setattr("recon.reads.currency.BEHIND", timedelta(seconds=-1))
    service.append(TICK, folded=False)
    assert books() == ("hint", "the books are 1 event behind the log")
    service.die()
    assert books() == ("hint", "no service records it; start `recon run`")


@pytest.mark.postgres
def test_the_doctor_says_of_a_service_that_was_killed_or_stopped_when_that_was(
    recon: Recon, service: RecordedService, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recon.cli.last_service.QUIET", timedelta(hours=1))

    def running() -> tuple[str, str]:
        checks = recon("doctor", "--offline", "--json").json()["checks"]
        (found,) = [each for each in checks if each["area"] == "service"]
        return found["state"], found["detail"]

    def let_pass(hours: int) -> None:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE recon_store.service_parts SET updated_at = clock_timestamp() - :ago"),
                {"ago": timedelta(hours=hours)},
            )

    assert running() == ("ok", "runs as host:1")
    service.die()
    state, told = running()
    assert state == "hint"
    assert told.startswith("holds no gateway: the last sign of life of host:1 was ")
    let_pass(2)
    assert running() == ("hint", "holds no gateway: the last sign of life of host:1 was 2 h ago")
    service.part("recorder", "standby")
    assert running() == ("ok", "runs as host:1"), "one that stands by holds no gateway"
    let_pass(3)
    assert running() == ("hint", "holds no gateway: the last sign of life of host:1 was 3 h ago")
    for part in ("projection", "recorder"):
        service.part(part, "stopped")
    let_pass(4)
    assert running() == ("hint", "does not run: host:1 was stopped 4 h ago")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM recon_store.service_parts"))
    assert running() == ("hint", "does not run, and none did within a day")


def test_the_doctor_of_a_machine_without_a_database(recon: Recon, here: Path) -> None:
    (here / "recon.toml").write_text(
        f'[database]\ndata_dir = "{here / "data"}"\n[gateways.eu]\nurls = ["ws://127.0.0.1:1/"]\n', encoding="utf-8"
    )
    told = recon("doctor", "--offline")
    assert told.status == 1
    assert "database schema" in told.err
    assert "recon migrate" in told.out
    assert not (here / "data").exists(), "looking makes nothing"
    (here / "recon.toml").write_text("[databse]\n", encoding="utf-8")
    assert recon("doctor").status == 2
