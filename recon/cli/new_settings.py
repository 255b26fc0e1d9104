"""The text of a new settings file, from a few answers; it says what else can be set, and where. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from recon.config.toml_text import key, value_text

Method: TypeAlias = Literal["none", "header", "query", "certificate"]
METHODS: Final[tuple[Method, ...]] = ("none", "header", "query", "certificate")
_ASSETS: Final = '# assets = { XBT = "XXBT" } # a symbol\'s code -> the code of the balance row: see `recon balances`'
#: The word for the vendor's managed cloud instead of addresses.
MANAGED: Final = "managed"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a person answers: the gateway, how to prove who asks, and the accounts to name."""

    gateway: str
    urls: Sequence[str]
    method: Method = "none"
    #: Files that hold the secrets; a secret itself is never written into the settings.
    api_key_file: str = ""
    certificate_file: str = ""
    private_key_file: str = ""
    accounts: Sequence[str] = ()
    data_dir: str = ""


def settings_text(answers: Answers) -> str:
    """Return the file."""
    name = key(answers.gateway)
    return "\n".join(
        [
            "# Settings of recon, written by `recon init`. Check them: recon check-config",
            "# config/recon.example.toml explains every key; `recon docs operator` tells how to run recon.",
            "# A relative path starts at this file's directory. RECON_ variables override what stands here.",
            "",
            *_database(answers),
            "",
            *_gateway(answers, name),
            "",
            *_accounts(answers, name),
            "",
            *_DEFAULTS,
        ]
    )


def _database(answers: Answers) -> list[str]:
    place = f"data_dir = {value_text(answers.data_dir)}" if answers.data_dir else '# data_dir = "/var/lib/recon"'
    return [
        "[database]",
        "# Without a url recon runs a Postgres of its own in data_dir.",
        place,
        '# url = "postgresql://recon_service@db.example.com/recon"       # yours, 15 or newer; then `recon migrate`',
        '# operator_url = "postgresql://alice@db.example.com/recon"      # your own login, for what you decide',
    ]


def _gateway(answers: Answers, name: str) -> list[str]:
    managed = list(answers.urls) == [MANAGED]
    urls = f'"{MANAGED}"' if managed else f"[{', '.join(map(value_text, answers.urls))}]"
    why = "the vendor's managed cloud tells the addresses" if managed else "tried in order, then round again"
    lines = [f"[gateways.{name}]", f"urls = {urls} # {why}", "", f"[gateways.{name}.auth]"]
    lines.append(f'method = "{answers.method}" # {" | ".join(METHODS)}')
    for setting, value in (
        ("api_key_file", answers.api_key_file),
        ("certificate_file", answers.certificate_file),
        ("private_key_file", answers.private_key_file),
    ):
        if value:
            lines.append(f"{setting} = {value_text(value)}")
    return lines


def _accounts(answers: Answers, name: str) -> list[str]:
    lines = ["# Accounts need not be listed: whatever the gateway reports is reconciled under [accounts]."]
    if not answers.accounts:
        lines += [
            f'# [gateways.{name}.accounts."KRAKEN/JOHN"]',
            _ASSETS,
        ]
    for account in answers.accounts:
        lines += [
            f"[gateways.{name}.accounts.{key(account)}]",
            _ASSETS,
            '# fees = [{ maker = "0.0016", taker = "0.0026", asset = "quote" }] # else they are learned',
            "",
        ]
    return lines if lines[-1] else lines[:-1]


_DEFAULTS: Final = [
    "[accounts]",
    "# Defaults for every account.",
    '# settlement_window = "5s" # how far a report and what it had seen may be apart',
    '# material_usd = "10000"   # above it a decision needs a second person',
    "",
    "# Who is told of breaks: `recon docs alerts`. Without a receiver nobody is.",
    "# [webhooks.ops]",
    '# url = "https://alerts.example.com/recon"',
    '# secret_file = "webhook-secret"',
    "",
    "# [web]",
    '# listen = "127.0.0.1:8080"',
    "",
]


def problem_of_url(url: str) -> str | None:
    """Return what is wrong with an address; None if it can be used."""
    if url == MANAGED:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.scheme not in {"ws", "wss"} or not host:
        return f"an address begins with wss:// or ws:// and names a host: wss://ems.example.com:8080/, or {MANAGED}"
    return None
