"""Where alerts go: a table for each kind of receiver (operator 7.4)."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from recon.config.base import SecretTable, Table
from recon.config.signing import signing_keys
from recon.config.values import MAX_NAME, Duration, HttpUrl, Name

#: How often a receiver is told that recon runs, unless its table says otherwise.
WATCHDOG: Final = timedelta(minutes=5)
#: Most words of a command, and characters of each.
MAX_WORDS: Final = 100
MAX_WORD: Final = 4096
#: Longest run of a command: an attempt as a whole takes at most 15 s.
MAX_COMMAND: Final = timedelta(seconds=14)

#: The labels of an alert at an Alertmanager that recon sets itself.
OWN_LABELS: Final = frozenset({"alertname", "service", "gateway", "account", "about", "case", "severity"})

LabelName = Annotated[str, StringConstraints(max_length=MAX_NAME, pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")]
Severity = Literal["info", "low", "medium", "high", "critical"]
Word = Annotated[str, StringConstraints(max_length=MAX_WORD, pattern="^[^\0]*$")]


def is_loopback(host: str) -> bool:
    """True if a host of an address names this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HttpReceiver(SecretTable):
    """A receiver over HTTP: by TLS, and at a public address, unless its table says otherwise."""

    url: HttpUrl
    #: Whether http:// is allowed; to this machine itself it always is.
    allow_http: bool = False
    #: Whether its host may have a private address; this machine itself always may.
    allow_private: bool = False

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not self.allow_http and not is_loopback(parts.hostname or ""):
            raise ValueError("url: must begin with https://; allow_http = true allows http:// too")
        return self


class Webhook(HttpReceiver):
    """A receiver of signed alerts (the Standard Webhooks scheme)."""

    secret_keys: ClassVar[tuple[str, ...]] = ("secret",)

    #: One key or several, `whsec_…` or `whsk_…`; each signs.
    secret: SecretStr
    secret_file: Path | None = None
    #: The shape of the body: of the Standard Webhooks specification, or a CloudEvent 1.0 around the same data.
    envelope: Literal["standard", "cloudevents"] = "standard"
    #: How often a message says that recon runs and what it sees; 0s: never.
    watchdog: Duration = WATCHDOG

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, secret: SecretStr) -> SecretStr:
        signing_keys(secret.get_secret_value())
        return secret


class Command(Table):
    """A program that takes each message as JSON on its standard input."""

    command: Annotated[list[Word], Field(min_length=1, max_length=MAX_WORDS)]
    #: A longer run is ended, with every process that it began.
    time_limit: Duration = timedelta(seconds=10)
    watchdog: Duration = WATCHDOG

    @model_validator(mode="after")
    def _can_run(self) -> Self:
        if not self.command[0].startswith("/"):
            raise ValueError("command: must begin with the path of a program, such as /usr/local/bin/page")
        if not timedelta() < self.time_limit <= MAX_COMMAND:
            raise ValueError(f"time_limit: must be more than 0s, and at most {int(MAX_COMMAND.total_seconds())}s")
        return self


class Apprise(SecretTable):
    """A receiver that the library Apprise knows by its URL: Slack, Teams, Telegram, e-mail and many others."""

    secret_keys: ClassVar[tuple[str, ...]] = ("url",)

    url: SecretStr
    url_file: Path | None = None
    #: People read it, so the watchdog is off.
    watchdog: Duration = timedelta()

    @field_validator("url")
    @classmethod
    def _is_one_url(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if "://" not in text or any(character.isspace() or character == "," for character in text):
            raise ValueError("must be one URL of Apprise, such as slack://…")
        return url


class AlertLog(Table):
    """Each message as a line in the service's own log."""

    level: Literal["info", "warning", "error"] = "warning"
    watchdog: Duration = timedelta()


class Alertmanager(HttpReceiver):
    """A Prometheus Alertmanager, which is told again and again what is open."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token",)

    #: The address before `/api/v2/alerts`.
    url: HttpUrl
    #: A bearer token, where a proxy before it wants one.
    token: SecretStr | None = None
    token_file: Path | None = None
    #: How often what is open is told again; without that it counts as over after four intervals.
    every: Duration = timedelta(minutes=1)
    #: What is below this severity is not told.
    severity: Severity = "info"
    #: Further labels of every alert, such as an environment; two recons with one Alertmanager need them.
    labels: dict[LabelName, Name] = Field(default_factory=dict)
    #: Whether an alert `recon.watchdog` fires as long as recon sees, so that its absence can be told.
    watchdog: bool = True

    @field_validator("labels")
    @classmethod
    def _are_further(cls, labels: dict[str, str]) -> dict[str, str]:
        if own := sorted(OWN_LABELS & set(labels)):
            raise ValueError(f"{', '.join(own)}: recon sets this label itself")
        return labels

    @field_validator("every")
    @classmethod
    def _is_often(cls, every: timedelta) -> timedelta:
        if not timedelta(seconds=5) <= every <= timedelta(minutes=15):
            raise ValueError("must be between 5s and 15m")
        return every


class PagerDuty(HttpReceiver):
    """A service of PagerDuty (Events API v2)."""

    secret_keys: ClassVar[tuple[str, ...]] = ("routing_key",)

    url: HttpUrl = "https://events.pagerduty.com/v2/enqueue"
    routing_key: SecretStr
    routing_key_file: Path | None = None
    #: What is below this severity pages nobody.
    severity: Severity = "info"
    #: Whether cases whose cause is only a candidate page; the severities high and critical always do.
    candidates: bool = False
    #: How often what is open is told again: it comes back if somebody resolved it there, and it is still open.
    every: Duration = timedelta(hours=1)

    @field_validator("every")
    @classmethod
    def _is_rare(cls, every: timedelta) -> timedelta:
        if not timedelta(minutes=1) <= every <= timedelta(days=7):
            raise ValueError("must be between 1m and 7d")
        return every
