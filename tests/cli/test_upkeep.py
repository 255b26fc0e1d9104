"""migrate, check-config, verify and rebuild, and what they say when they cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.db.version import known_versions, newest_version
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase

CONFIG = """
[database]
url = "postgresql://recon_service:hunter2@db.example.com/recon"

[gateways.prod-eu]
urls = ["wss://ems.example.com/"]

[gateways.prod-eu.auth]
method = "header"
api_key = "swordfish"

[gateways.prod-eu.accounts."KRAKEN/JOHN"]
settlement_window = "5s"
"""
WEBHOOK = """
[webhooks.ops]
url = "https://hooks.example.com:8443/services/T1/B2/T0KEN?token=T0KEN"
secret = "whsec_c3dvcmRmaXNo"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "recon.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_check_config_shows_what_counts_without_secrets(
    recon: Recon, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = recon("check-config", "--config", str(config))
    assert shown.status == 0
    assert 'gateways.prod-eu.accounts."KRAKEN/JOHN".settlement_window = 5s' in shown.out
    document = recon("check-config", "--config", str(config), "--json")
    assert document.json()["gateways"]["prod-eu"]["urls"] == ["wss://ems.example.com/"]
    for result in (shown, document):
        assert "hunter2" not in result.out + result.err
        assert "swordfish" not in result.out + result.err
    monkeypatch.setenv("RECON_CONFIG", str(config))
    assert recon("check-config").out == shown.out


def test_check_config_shows_of_a_webhook_the_host_alone(recon: Recon, config: Path) -> None:
    gateway = CONFIG.replace('example.com/"]', 'example.com/ws?t=T0KEN"]\nrest_url = "https://h/?t=T0KEN"')
    config.write_text(gateway + WEBHOOK, encoding="utf-8")
    shown = recon("check-config", "--config", str(config))
    told = recon("check-config", "--json", "--config", str(config))
    for secret in ("T0KEN", "B2", "c3dvcmRmaXNo"):
        assert secret not in shown.out + shown.err + told.out + told.err
    document = told.json()
    assert document["webhooks"]["ops"]["url"] == "https://hooks.example.com:8443"
    assert document["gateways"]["prod-eu"]["urls"] == ["wss://ems.example.com/ws?********"]


def test_check_config_says_which_routes_of_alerts_are_wrong(recon: Recon, config: Path) -> None:
    routes = """
[[alerts.routes]]
name = "all"
[[alerts.routes]]
name = "fills"
channels = ["webhook:ops"]
[[alerts.routes]]
name = "elsewhere"
gateway = ["prod-us"]
"""
    config.write_text(CONFIG + WEBHOOK + routes, encoding="utf-8")
    shown = recon("check-config", "--config", str(config))
    assert shown.status == 0
    assert "alerts.routes.fills never matches: route all stands before it and takes all that it could" in shown.err
    assert "alerts.routes.elsewhere never matches: no gateway is named prod-us" in shown.err
    assert "alerts.routes[1].channels = webhook:ops" in shown.out
    config.write_text(CONFIG + WEBHOOK + routes.replace("webhook:ops", "webhook:opps"), encoding="utf-8")
    assert "nobody is told" not in shown.err
    wrong = recon("check-config", "--config", str(config))
    assert wrong.status == 2
    assert "there is no channel webhook:opps; there are webhook:ops; did you mean webhook:ops?" in wrong.err


def test_check_config_refuses_a_program_that_cannot_be_run(recon: Recon, config: Path, tmp_path: Path) -> None:
    programs = {name: tmp_path / name for name in ("away", "folder", "plain")}
    programs["folder"].mkdir()
    programs["plain"].touch(0o600)
    tables = "".join(f'[commands.{name}]\ncommand = ["{program}"]\n' for name, program in programs.items())
    config.write_text(f"{CONFIG}\n{tables}", encoding="utf-8")
    result = recon("check-config", "--config", str(config))
    assert (result.status, result.err.splitlines()) == (
        2,
        [
            f"recon: commands.away: there is no program {programs['away']}",
            f"recon: commands.folder: {programs['folder']} is no program",
            f"recon: commands.plain: this account may not run {programs['plain']}; see its mode",
        ],
    )
    programs["plain"].chmod(0o700)
    config.write_text(f'{CONFIG}\n[commands.plain]\ncommand = ["{programs["plain"]}"]\n', encoding="utf-8")
    assert recon("check-config", "--config", str(config)).status == 0


def test_check_config_says_that_nobody_is_told(recon: Recon, config: Path) -> None:
    assert (
        "there is no channel, so nobody is told; add [webhooks.NAME]"
        in recon("check-config", "--config", str(config)).err
    )


def test_check_config_shows_fee_schedules_line_by_line(recon: Recon, config: Path) -> None:
    config.write_text(
        CONFIG + 'fees = [{ symbol = "XBT/USD", taker = "26E-4" }, { maker = "-0.0001" }]\nmaterial_usd = "2500"\n',
        encoding="utf-8",
    )
    shown = recon("check-config", "--config", str(config)).out
    account = 'gateways.prod-eu.accounts."KRAKEN/JOHN"'
    assert f"{account}.fees[0].taker = 0.0026\n" in shown
    assert f"{account}.fees[1].maker = -0.0001\n" in shown
    assert f"{account}.material_usd = 2500\n" in shown


def test_check_config_names_what_is_wrong(recon: Recon, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(CONFIG.replace("settlement_window", "settlment_window"), encoding="utf-8")
    result = recon("check-config", "--config", str(config))
    assert result.status == 2
    assert "settlment_window: unknown key" in result.err
    assert "Traceback" not in result.err
    monkeypatch.setenv("RECON_DATABSE__URL", "x")
    assert "RECON_DATABSE__URL" in recon("check-config").err
    missing = recon("check-config", "--config", str(config.with_name("none.toml")))
    assert missing.status == 2
    assert "none.toml" in missing.err


def test_without_a_gateway_there_is_nothing_to_check(recon: Recon) -> None:
    result = recon("check-config")
    assert result.status == 2
    assert "no gateway is configured" in result.err


@pytest.mark.postgres
def test_migrate_then_nothing_to_do(
    recon: Recon, empty_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", empty_database.superuser_url)
    monkeypatch.setenv("RECON_DATABASE__URL", empty_database.service_url)
    before = recon("positions")
    assert before.status == 3
    assert "recon migrate" in before.err
    first = recon("migrate")
    assert first.status == 0, first.err
    assert "upgrade to 0001" in first.out
    assert recon("migrate").out == f"the database is at version {newest_version()}\n"
    assert recon("positions").status == 0


def test_migrate_needs_the_owner(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://recon_service@127.0.0.1:1/none")
    result = recon("migrate")
    assert result.status == 2
    assert "migrate_url" in result.err


def test_a_database_that_is_not_there_is_one_line(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://somebody:hunter2@127.0.0.1:1/none?connect_timeout=2")
    result = recon("status", "--json")
    assert (result.status, result.out) == (3, "")
    assert len(result.err.splitlines()) == 1
    assert "hunter2" not in result.err


def test_looking_makes_no_database(recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__DATA_DIR", str(tmp_path / "data"))
    result = recon("status")
    assert result.status == 3
    assert "begin with `recon init`" in result.err, "no settings name a gateway"
    assert not (tmp_path / "data").exists()


@pytest.mark.postgres
def test_verify_export_and_check_again(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"
    result = recon("verify", "--export-head", str(heads), "--json")
    assert result.status == 0, result.err
    assert heads.stat().st_mode & 0o777 == 0o600
    assert [row["gateway"] for row in result.json()] == ["prod-eu", "prod-us"]
    kept = json.loads(heads.read_text())
    assert kept["heads"] == [{key: row[key] for key in ("gateway", "seq", "digest")} for row in result.json()]
    assert recon("verify", "--against", str(heads)).status == 0
    one = recon("verify", "--gateway", "prod-us", "--against", str(heads))
    assert one.status == 0
    assert "prod-eu" not in one.out
    narrowed = recon("verify", "--filter", "gateway=prod-us", "--columns", "gateway,state")
    assert narrowed.out.split() == ["gateway", "state", "prod-us", "ok"]

    kept["heads"][0]["digest"] = "00" * 32
    kept["heads"][1]["seq"] += 1
    kept["heads"].append({"gateway": "gone", "seq": 1, "digest": "00" * 32})
    heads.write_text(json.dumps(kept))
    differing = recon("verify", "--against", str(heads))
    assert differing.status == 4
    for words in ("history differs", "events are missing", "'gone'"):
        assert words in differing.err

    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text("{}")
    assert recon("verify", "--against", str(nonsense)).status == 2
    assert recon("verify", "--against", str(tmp_path / "none.json")).status == 2
    assert recon("verify", "--export-head", str(tmp_path / "no" / "heads.json")).status == 2


@pytest.mark.postgres
def test_verify_names_the_event_that_was_changed(recon: Recon, day: TestDatabase, tmp_path: Path) -> None:
    with create_engine(day.owner_url, "tests", pooled=False).begin() as connection:
        connection.execute(text("ALTER TABLE recon_store.log_events DISABLE TRIGGER ALL"))
        connection.execute(
            text("UPDATE recon_store.log_events SET payload = '{}' WHERE gateway = 'prod-us' AND seq = 77")
        )
    exported = tmp_path / "heads.json"
    result = recon("verify", "--export-head", str(exported))
    assert result.status == 4
    assert "event 77 does not fit its digest" in result.err
    assert "prod-eu" in result.out, "the other logs are still reported"
    assert not exported.exists()


@pytest.mark.postgres
def test_rebuild_gives_the_same_books(recon: Recon, day: TestDatabase) -> None:
    before = recon("balances", "--json").json()["balances"]
    result = recon("rebuild", "--json")
    assert result.status == 0, result.err
    assert [(row["gateway"], row["same"], row["switched"]) for row in result.json()] == [
        ("prod-eu", True, True),
        ("prod-us", True, True),
    ]
    assert recon("balances", "--json").json()["balances"] == before
    narrowed = recon("rebuild", "--gateway", "prod-us", "--columns", "gateway,same")
    assert narrowed.out.split() == ["gateway", "same", "prod-us", "yes"]
    editions = [row["edition"] for row in recon("rebuild", "--json").json()]
    for wrong in (("--columns", "egdit"), ("--filter", "unit=BTC"), ("--sort", "egdit")):
        assert recon("rebuild", *wrong).status == 2
    assert [row["edition"] - 1 for row in recon("rebuild", "--json").json()] == editions, "what is refused did nothing"
    unknown = recon("rebuild", "--gateway", "prod-zz")
    assert unknown.status == 2
    assert "did you mean prod-us?" in unknown.err


@pytest.mark.postgres
def test_books_of_an_earlier_version_are_said_until_a_rebuild_and_what_changed_too(
    recon: Recon, day: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", day.superuser_url)
    assert recon("migrate").err == ""
    with create_engine(day.superuser_url, "tests", pooled=False).begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET fold_version = fold_version - 1"))
        changed = "UPDATE recon_store.entries SET amount = amount + 1 WHERE gateway = 'prod-eu' AND entry_no = 2"
        connection.execute(text(changed))
    told = recon("migrate")
    assert told.status == 0
    assert "prod-eu, prod-us" in told.err
    assert "recon rebuild" in told.err
    done = recon("rebuild")
    assert done.status == 0
    assert "the books of prod-eu differ" in done.err
    assert "recon facts show" in done.err
    assert recon("migrate").err == ""


@pytest.mark.postgres
def test_migrate_goes_back_and_says_what_the_version_was(
    recon: Recon, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_DATABASE__MIGRATE_URL", database.owner_url)
    before, newest = known_versions()[-2:]
    back = recon("migrate", "--to", before)
    assert back.status == 0, back.err
    assert f"downgrade from {newest}" in back.out
    assert back.out.endswith(f"the database is at version {before}\n")
    assert f"this recon needs {newest}; run `recon migrate`" in recon("positions").err
    again = recon("migrate")
    assert again.out.endswith(f"the database is at version {newest}; it was at {before}\n")
    wrong = recon("migrate", "--to", "latest")
    assert wrong.status == 2
    assert f"there is no version 'latest' of the schema; there are 0001 to {newest}" in wrong.err
