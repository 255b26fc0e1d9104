"""The recipes of `recon docs alerts` work: the settings load, the examples keep the schemas, the code verifies."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import pytest

from recon.alerts.channels import configured_channels
from recon.alerts.channels.command import CommandSender
from recon.alerts.channels.webhook import WebhookSender, WebhookTarget
from recon.alerts.message import Message
from recon.config import Command, load_settings
from tests.alerts.test_published import shipped
from tests.support.alert_rows import Step, message_of
from tests.support.webhook_receiver import Received, Receiver

PAGE: Final = (Path(__file__).parents[2] / "recon" / "docs" / "alerts.md").read_text(encoding="utf-8")
SHARED: Final = "whsec_" + base64.b64encode(b"a shared key").decode()
PRIVATE: Final = "whsk_" + base64.b64encode(bytes(range(32))).decode()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def message() -> Message:
    return message_of(Step().delivery("webhook:ops"))


def test_the_tables_load(tmp_path: Path) -> None:
    tables = "\n".join(blocks("toml"))
    for name in re.findall(r'_file = "(.+?)"', tables):
        (tmp_path / name).write_text("json://example.org" if name.endswith("url") else SHARED, encoding="utf-8")
    (tmp_path / "recon.toml").write_text(tables, encoding="utf-8")
    settings = load_settings(tmp_path / "recon.toml", {})
    assert configured_channels(settings) == [
        "alert_log:all", "apprise:chat", "apprise:mail", "command:page", "webhook:bus", "webhook:ops",
    ]  # fmt: skip
    assert (list(settings.alertmanager), list(settings.pagerduty)) == (["main"], ["trading"])


def test_the_examples_keep_the_schemas() -> None:
    examples = [json.loads(block) for block in blocks("json")]
    assert len(examples) >= 3
    for example in examples:
        shipped("message").validate(example)


def test_every_schema_is_named() -> None:
    named = set(re.findall(r"`([\w-]+\.json)`", PAGE))
    place = Path(__file__).parents[2] / "recon" / "alerts" / "schemas"
    assert named == {path.name for path in place.iterdir()}


@pytest.fixture
async def received(there: Receiver, client: httpx.AsyncClient) -> Received:
    target = WebhookTarget("ops", there.url, f"{SHARED} {PRIVATE}")
    await WebhookSender(target, client, lambda: datetime.now(UTC)).send(message())
    return there.received[0]


@pytest.mark.trio
async def test_the_code_verifies(received: Received) -> None:
    names: dict[str, object] = {}
    exec("\n".join(blocks("python")), names)  # noqa: S102 - our own document
    body = received.body.encode()
    verified, public_half, is_signed = (names[name] for name in ("verified", "public_half", "is_signed"))
    assert callable(verified)
    assert callable(public_half)
    assert callable(is_signed)
    assert verified(body, received.headers, SHARED)["type"] == "break.opened"
    public = public_half(PRIVATE)
    assert is_signed(body, received.headers, public)
    assert not is_signed(body + b" ", received.headers, public)


@pytest.mark.trio
async def test_the_script_keeps_each_message_once(tmp_path: Path) -> None:
    (script,) = (block for block in blocks("sh") if "RECON_ALERT_ID" in block)
    program = tmp_path / "page"
    program.write_text(script.replace("/var/spool/pages", str(tmp_path / "pages")), encoding="utf-8")
    program.chmod(0o755)
    sender = CommandSender("page", Command.model_validate({"command": [str(program)]}), {"PATH": "/usr/bin:/bin"})
    await sender.send(message())
    await sender.send(message())
    (kept,) = (tmp_path / "pages").iterdir()
    assert kept.read_text(encoding="utf-8") == message().body
