"""Secrets are planted in a whole run of the real process, and every output is searched for them."""

from __future__ import annotations

import base64
import json
import socket
import stat
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg import sql
from websockets.sync.server import ServerConnection

from recon.db.embedded.cluster import SUPERUSER, residents
from recon.db.embedded.passwords import DIRECTORY as PASSWORDS
from recon.db.embedded.passwords import stored_password
from recon.db.embedded.server import socket_url
from recon.db.roles import ANALYST, OWNER, SERVICE
from recon.redaction import Redactor
from recon.web.app import ACT
from recon.web.health import LIVEZ, READYZ
from recon.web.metrics import METRICS
from tests.support.process_families import children_of
from tests.support.processes import GATEWAY, LogReader, Service, running, told_by, until
from tests.support.wire_messages import encoded
from tests.support.ws_servers import Gateway as Server
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

KEY = "7d1c3a90-58b2-4c1f-9a0e-KEYKEYKEY"
SIGNING = base64.b64encode(b"a signing key that nobody may ever read").decode()
TOKEN = "T0KENT0KENT0KENT0KEN"
PASSWORD = "pass/w0rd-of-a-person"
#: Secrets of the receivers of alerts.
PRIVATE = base64.b64encode(bytes(range(100, 132))).decode()
BEARER = "B34RERB34RERB34RERB3"
ROUTING = "R0UT1NGR0UT1NGR0UT1NG"
CHAT = "CH4TT0KENCH4TT0KEN"
#: A person's token over HTTP, and a password that somebody tries there.
WEB_TOKEN = "W3BT0KENW3BT0KENW3BT0KENW3BT0KEN"
GUESS = "GU3SSGU3SSGU3SS"
#: How a server may spell what it was given.
ECHOES = (
    KEY,
    "".join(f"\\u{ord(c):04x}" for c in KEY),
    "".join(f"%{ord(c):02X}" for c in KEY),
    base64.b64encode(f"key:{KEY}".encode()).decode(),
    KEY.lower(),
)
#: Who has a password of its own.
ROLES = (OWNER, SERVICE, ANALYST, SUPERUSER)


class Echo:
    """A gateway that repeats the key in every way that it knows: in frames, and as the reason of a close."""

    def __init__(self) -> None:
        self.sessions = 0

    def script(self, server: Server, session: ServerConnection) -> None:
        self.sessions += 1
        for spelled in ECHOES:
            session.send('{"type":"MESSAGE_REJECT","message":"key ' + spelled + ' is refused"}')
            session.send(f"no JSON, and {spelled}")
            session.send(f"and in bytes {spelled}".encode())
        session.send(encoded({"type": "ORDER_EXEC_REPORT_UPDATE", "exchange_id": "K", "client_order_id": KEY}).decode())
        if self.sessions == 1:
            session.close(4001, f"bad key {KEY}")
        server.hold(session)


def tables(url: str) -> str:
    """Return the content of every table of both schemas as one text."""
    told = []
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('recon', 'recon_store')"
        ).fetchall()
        assert len(names) > 10
        for schema, name in names:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name))
            for row in connection.execute(query):
                told += [
                    value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    for value in row
                    if value is not None
                ]
    return "\n".join(told)


def processes(service: Service, data_dir: Path) -> str:
    """Return the titles of all processes, and the environments of all but the service, whose own holds the settings."""
    assert service.process is not None
    told = [Path(f"/proc/{service.process.pid}/cmdline").read_bytes()]
    told += told_by([*(residents(data_dir / "postgres") or []), *children_of(service.process.pid)])
    return b"\n".join(told).decode("latin-1")


def files(data_dir: Path) -> str:
    """Return the content of every file of the data directory, but for passwords and programs; check the modes."""
    told = []
    for path in data_dir.rglob("*"):
        place = path.relative_to(data_dir).parts[0]
        if place.startswith("postgres-") or path.is_socket():
            continue
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        if path.is_file() and place != PASSWORDS:
            told.append(path.read_bytes())
    return b"\n".join(told).decode("latin-1")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def asked(port: int) -> list[int]:
    """Ask the service over HTTP with secrets of several kinds; return the statuses of its answers."""
    url, body = f"http://127.0.0.1:{port}{ACT}", {"action": "acknowledge", "breaks": ["ab"]}
    try:
        return [
            httpx.post(url, json=body, auth=("alice", GUESS)).status_code,
            httpx.post(url, json=body, headers={"Authorization": f"Bearer {GUESS}"}).status_code,
            httpx.post(url, json=body, headers={"Authorization": f"Bearer {WEB_TOKEN}"}, timeout=60.0).status_code,
            httpx.post(url, json={"action": GUESS}, auth=("alice", GUESS)).status_code,
        ]
    except httpx.TransportError:
        return []


def answers(port: int) -> str:
    """Return what probes and Prometheus are told."""
    paths = (LIVEZ, READYZ, METRICS)
    return "\n".join(httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60.0).text for path in paths)


def settings(url: str, data_dir: Path, port: int, probed: int, projection: str) -> dict[str, object]:
    person = f"postgresql://alice:{quote(PASSWORD, safe='')}@db.example.com/recon"
    page = data_dir.parent / "page"
    page.write_text(f"echo cannot use {BEARER} >&2; exit 4", encoding="utf-8")
    return {
        "database": {"data_dir": data_dir, "operator_url": person},
        "gateways": {GATEWAY: {"urls": [url], "auth": {"method": "header", "api_key": KEY}}},
        "webhooks": {
            "ops": {
                "url": f"http://127.0.0.1:1/services/T1/{TOKEN}?token={TOKEN}",
                "secret": f"whsec_{SIGNING} whsk_{PRIVATE}",
            }
        },
        "commands": {"page": {"command": ["/bin/sh", str(page), TOKEN]}},
        "apprise": {"chat": {"url": f"json://someone:{CHAT}@127.0.0.1:1/{CHAT}", "watchdog": "1s"}},
        "alert_logs": {"all": {"watchdog": "1s"}},
        "alertmanager": {"main": {"url": "http://127.0.0.1:1/", "token": BEARER}},
        "pagerduty": {"trading": {"url": "http://127.0.0.1:1/", "routing_key": ROUTING}},
        "web": {
            "listen": f"127.0.0.1:{port}",
            "tokens": {"alice": {"token": WEB_TOKEN, "url": person.replace("db.example.com", "127.0.0.1:1")}},
        },
        "monitoring": {"listen": f"127.0.0.1:{probed}"},
        "service": {"projection": projection},
    }


@pytest.mark.parametrize(
    ("log_format", "mark", "projection"), [("json", '"level": "info"', "task"), ("console", "[info ", "process")]
)
def test_no_planted_secret_is_in_any_output_of_a_run(
    server_dir: Path, tmp_path: Path, log_format: str, mark: str, projection: str
) -> None:
    echo, port, probed = Echo(), free_port(), free_port()
    with served(echo.script) as server:
        service = Service(tmp_path, settings(server.url, server_dir, port, probed, projection), log_format=log_format)
        with running(service):
            superuser = socket_url(server_dir, server_dir / "socket", SUPERUSER)
            witness = LogReader(superuser)
            closed = "SELECT count(*) FROM recon_store.log_events WHERE kind = 'session.closed'"
            frames = "SELECT count(*) FROM recon_store.log_events WHERE redacted AND kind <> 'session.closed'"
            attempts = (
                "SELECT count(DISTINCT channel) FROM recon_store.deliveries"
                " WHERE last_error IS NOT NULL AND split_part(channel, ':', 1) IN ('webhook', 'command', 'apprise')"
            )
            retrying = (
                "SELECT count(*) FROM recon_store.service_parts WHERE part = 'alertmanager:main' AND state = 'retrying'"
            )
            until(lambda: witness.ask(closed) == [(1,)] and echo.sessions == 2)
            until(lambda: witness.ask(frames) == [(2 * (3 * len(ECHOES) + 1),)])
            until(lambda: witness.folded() == witness.head())
            until(lambda: witness.ask(attempts) == [(3,)])
            until(lambda: witness.ask(retrying) == [(1,)])
            until(lambda: asked(port) == [401, 401, 401, 400])
            shown = service._run("status", "--json")  # whether it is current is another test's concern
            outputs = {
                "tables": tables(superuser),
                "processes": processes(service, server_dir),
                "status": shown.stdout + shown.stderr,
                "check-config": service.command("check-config"),
                "check-config as JSON": service.command("check-config", "--json"),
                "events": service.command("events", "--json"),
                "probes and metrics": answers(probed),
            }
            assert service.stop() == 0
        outputs |= {"log": service.output(), "files": files(server_dir)}
    assert server.requests[0].headers["X-CoinAPI-Key"] == KEY, "it was sent"
    secrets = [KEY, SIGNING, f"whsec_{SIGNING}", TOKEN, PASSWORD, quote(PASSWORD, safe="")]
    secrets += [WEB_TOKEN, GUESS, PRIVATE, f"whsk_{PRIVATE}", BEARER, ROUTING, CHAT]
    secrets += [stored_password(server_dir, role) or "" for role in ROLES]
    assert all(secrets)
    redactor = Redactor(secrets)
    for name, text in outputs.items():
        assert text, name
        assert not [secret for secret in secrets if secret in text], name
        if name != "files":  # far too large to be decoded
            assert redactor.redact_text(text) == text, f"a spelling of a secret is in: {name}"
    assert "bad key [redacted]" in outputs["tables"]
    assert mark in outputs["log"]
    assert json.loads(shown.stdout)
    for said in ("ended with status 4", "apprise 'chat' was not taken", "webhook 'ops' at 127.0.0.1"):
        assert said in outputs["tables"], "each receiver was tried"
