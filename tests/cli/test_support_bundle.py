"""A support bundle holds what helps and no secret: they are planted everywhere, and the unpacked bundle is searched."""

from __future__ import annotations

import base64
import json
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from recon.cli.support import bundle as bundles
from recon.cli.support.bundle import Bundle
from recon.cli.support.cleaning import Cleaner
from recon.cli.support.logs import TAIL_BYTES, TAIL_LINES, tail
from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.passwords import stored_password
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.migrate import migrate
from recon.db.roles import ANALYST, OWNER, SERVICE
from recon.log.events import NewEvent
from recon.redaction import Redactor
from recon.simulator.scenarios import demo_plan
from tests.cli.conftest import Recon
from tests.conftest import UNSAFE_BUT_FAST, directory_for_server
from tests.support.database_days import write_day, write_events

KEY = "7d1c3a90-58b2-4c1f-9a0e-KEYKEYKEY"
HOOK = "T0KENT0KENT0KENT0KEN"
SIGNING = base64.b64encode(b"a signing key that nobody may ever read").decode()
PERSON = "pass/w0rd-of-a-person"
CLOUD = "An0therPr0gramsKeyInTheEnvir0nment"
#: Secrets that nobody told this process of; they are known by how they look.
UNKNOWN = {
    "bearer": "b34r3rb34r3rb34r3r",
    "url": "p4ssw0rd-in-a-url",
    "sql": "p4ssw0rd-in-sql",
    "query": "k3y-in-a-query-k3y",
    "json": "t0k3n-in-json-t0k3n",
    "pem": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
    "payload": "s3cr3t-in-a-payload-s3cr3t",
}

CONFIG = f"""
[gateways.prod-eu]
urls = ["wss://ems.example.com/?t={HOOK}"]
[gateways.prod-eu.auth]
method = "header"
api_key = "{KEY}"
[webhooks.ops]
url = "https://hooks.example.com/services/T1/{HOOK}?token={HOOK}"
secret = "whsec_{SIGNING}"
[database]
operator_url = "postgresql://alice:{quote(PERSON, safe="")}@db.example.com/recon"
data_dir = "DATA"
"""


def spellings(secret: str) -> list[str]:
    """Return ways in which something may write a secret."""
    data = secret.encode()
    encoded = [base64.b64encode(b"k:"[:n] + data + b"!").decode() for n in range(3)]
    return [
        secret,
        secret.lower(),
        quote(secret, safe=""),
        "".join(f"%{byte:02X}" for byte in data),
        "".join(f"%25{byte:02x}" for byte in data),
        "".join(f"\\u{ord(c):04x}" for c in secret),
        "".join(f"&#{ord(c)};" for c in secret),
        data.hex(),
        *encoded,
    ]


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """An embedded server and settings with secrets in every place."""
    with (
        directory_for_server() as place,
        EmbeddedPostgres(place / "data", options=UNSAFE_BUT_FAST, sync=False) as server,
    ):
        config = tmp_path / "recon.toml"
        config.write_text(CONFIG.replace("DATA", str(place / "data")), encoding="utf-8")
        monkeypatch.setenv("RECON_CONFIG", str(config))
        monkeypatch.setenv("CLOUD_SECRET_KEY", CLOUD)
        migrate(server.url(OWNER))
        write_day(server.url(SERVICE), demo_plan(7, 30.0))
        yield server, place / "data"


def plant(server: EmbeddedPostgres, secrets: list[str], log: Path) -> None:
    """Write secrets where the database, its log and the service's log tell them."""
    echoes = [text for secret in secrets for text in spellings(secret)]
    payload = json.dumps({"token": UNKNOWN["payload"], "echo": echoes}).encode()
    write_events(server.url(SERVICE), "prod-zz", [NewEvent("frame", payload, datetime.now(UTC))])
    with psycopg.connect(server.url(SUPERUSER), autocommit=True) as connection:
        for number, text in enumerate(echoes):
            connection.execute(
                "INSERT INTO recon_store.findings (gateway, edition, number, seq, account, kind, about, message)"
                " SELECT gateway, edition, 1000 + %s, seq, 'A', 'rejected', '', %s FROM recon_store.editions"
                " WHERE gateway = 'prod-eu' AND state = 'current'",
                (number, f"the gateway said {text}"),
            )
            connection.execute(
                "INSERT INTO recon_store.service_parts"
                " VALUES ('prod-eu', %s, 'consumer', 'waiting', %s, now(), now(), '{}')",
                (f"i{number}", f"refused: {text}"),
            )
        with pytest.raises(psycopg.Error):  # the server logs the statement
            connection.execute(f"ALTER ROLE nobody_of_this_name PASSWORD '{UNKNOWN['sql']}'".encode())
    looks = [
        f"Authorization: Bearer {UNKNOWN['bearer']}",
        json.dumps({"headers": json.dumps({"Authorization": f"Bearer {UNKNOWN['bearer']}"})}),
        f"cannot reach postgresql://alice:{UNKNOWN['url']}@db.example.com/recon",
        f"GET https://ems.example.com/v1/orders?apikey={UNKNOWN['query']}&limit=5",
        json.dumps({"event": "x", "token": UNKNOWN["json"]}),
        f"-----BEGIN PRIVATE KEY-----\n{UNKNOWN['pem']}\n-----END PRIVATE KEY-----",
    ]
    log.write_text("\n".join([*looks, *(f"line {text}" for text in echoes), "the last line is kept"]), encoding="utf-8")


def unpacked(path: Path, target: Path) -> dict[str, str]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target)  # noqa: S202 - our own
    else:
        with tarfile.open(path) as archive:
            archive.extractall(target, filter="data")
    return {
        file.relative_to(target).as_posix(): file.read_text(encoding="utf-8")
        for file in target.rglob("*")
        if file.is_file()
    }


@pytest.mark.postgres
@pytest.mark.parametrize("end", [".zip", ".tar.gz"])
def test_no_planted_secret_is_in_the_unpacked_bundle(
    recon: Recon, planted: tuple[EmbeddedPostgres, Path], tmp_path: Path, end: str
) -> None:
    server, data_dir = planted
    passwords = [stored_password(data_dir, role) or "" for role in (OWNER, SERVICE, ANALYST, SUPERUSER)]
    known = [KEY, HOOK, SIGNING, PERSON, CLOUD, *passwords]
    assert all(known)
    log, output = tmp_path / "service.log", tmp_path / f"bundle{end}"
    plant(server, known, log)
    done = recon("support-bundle", "-o", str(output), "--log", str(log))
    assert done.status == 0, done.err
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    found = unpacked(output, tmp_path / "unpacked")
    assert {name.removeprefix("recon-support/").split("/")[0] for name in found} == {
        *("README.txt", "settings.json", "versions.json", "variables.txt", "backup.json"),
        *("database", "logs"),
    }
    assert not [name for name, text in found.items() if "not_available" in text]
    redactor = Redactor(known)
    for name, text in found.items():
        for secret in [*known, *UNKNOWN.values()]:
            spelled = [each for each in spellings(secret) if each in text]
            # The ends of a base64 text hold other bytes too; what depends on the secret alone may not be there.
            assert not spelled, (name, spelled)
        assert redactor.redact_text(text) == text, f"a spelling of a secret is in {name}"
    # And what helps is there.
    database = {name: json.loads(text) for name, text in found.items() if "/database/" in name}
    assert {"prod-eu", "prod-us"} <= {row["name"] for row in database["recon-support/database/gateways.json"]}
    assert any("[redacted]" in row["message"] for row in database["recon-support/database/findings.json"])
    assert database["recon-support/database/postgres-settings.json"]
    assert "the last line is kept" in found["recon-support/logs/1-service.log.txt"]
    server_logs = [text for name, text in found.items() if "/logs/postgres/postgres-" in name]
    assert any("nobody_of_this_name PASSWORD '[redacted]'" in text for text in server_logs)
    again = recon("support-bundle", "-o", str(output))
    assert again.status == 2
    assert "is there already" in again.err


def test_without_a_database_the_bundle_says_why(recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://somebody:hunter22@127.0.0.1:1/none?connect_timeout=2")
    output = tmp_path / "bundle.zip"
    done = recon("support-bundle", "-o", str(output))
    assert done.status == 0, done.err
    found = unpacked(output, tmp_path / "unpacked")
    assert "refused" in found["recon-support/database/away.txt"]
    assert not [name for name, text in found.items() if "hunter22" in text]
    assert recon("support-bundle", "-o", str(tmp_path / "bundle.rar")).status == 2
    missing = recon("support-bundle", "-o", str(tmp_path / "b.zip"), "--log", str(tmp_path / "none"))
    assert missing.status == 2
    assert "cannot be read" in missing.err


def test_everything_has_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "large.log"
    log.write_text("".join(f"line {number} {'x' * 90}\n" for number in range(60_000)), encoding="utf-8")
    shown = tail(log)
    assert len(shown) <= TAIL_BYTES
    assert len(shown.splitlines()) == TAIL_LINES
    assert shown.splitlines()[-1].startswith("line 59999 ")
    monkeypatch.setattr(bundles, "MAX_DOCUMENT_BYTES", 1000)
    monkeypatch.setattr(bundles, "MAX_BUNDLE_BYTES", 2500)
    bundle = Bundle(Cleaner([]))
    for name in "abc":
        bundle.add(name, "é" * 1500)
    assert bundle.size < 2600
    bundle.write(tmp_path / "small.tgz", datetime(2026, 1, 5, tzinfo=UTC))
    found = unpacked(tmp_path / "small.tgz", tmp_path / "unpacked")
    assert "beyond the bound of a document" in found["recon-support/a"]
    assert found["recon-support/c"] == "left out: the bundle is full\n"
