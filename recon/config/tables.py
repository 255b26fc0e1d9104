"""The settings as frozen records, a class for each table; each refuses contradictory keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    Field,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from recon.config.accounts import AccountRules, DefaultRules
from recon.config.alerts import Alerts
from recon.config.auth import Auth
from recon.config.backup import Backup
from recon.config.base import SecretTable, Table
from recon.config.channels import AlertLog, Alertmanager, Apprise, Command, PagerDuty, Webhook
from recon.config.evidence import Evidence
from recon.config.imports import Import
from recon.config.managed import MANAGED, Managed, list_or_managed
from recon.config.monitoring import Monitoring, Tracing
from recon.config.values import Duration, HttpUrl, Name, WebSocketUrl
from recon.config.venues import Venue
from recon.config.web import Web
from recon.errors import ConfigError

MEBIBYTE: Final = 1 << 20
#: Beyond so many gateways none is projected by a process of its own unasked: each takes 80 to 150 MB.
MOST_PROCESSES: Final = 16


class Database(SecretTable):
    """Which Postgres: a named one, or our own in `data_dir`."""

    secret_keys: ClassVar[tuple[str, ...]] = ("url", "migrate_url", "operator_url")

    url: SecretStr | None = None
    url_file: Path | None = None
    migrate_url: SecretStr | None = None
    migrate_url_file: Path | None = None
    #: A person's own login, for decisions and facts; without it people share the service's (semantics 10.1).
    operator_url: SecretStr | None = None
    operator_url_file: Path | None = None
    data_dir: Path | None = None
    #: Whether our own Postgres also listens on loopback, for tools of those who read; and the port.
    listen: bool = False
    port: Annotated[int, Field(ge=1, le=65535)] = 5432

    @field_validator("url", "migrate_url", "operator_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be an address that begins with postgresql://")
        return url

    @field_validator("listen")
    @classmethod
    def _is_our_own(cls, listen: bool, info: ValidationInfo) -> bool:
        if listen and info.data.get("url") is not None:
            raise ValueError("is of recon's own Postgres; leave it out, or leave url out")
        return listen


class Recovery(Table):
    """Requests over REST: for the events that a gap hid, and for cross-checks of the WebSocket."""

    enabled: bool = True
    #: Whether to request `/v1/orders/history` for orders that began and ended inside a gap.
    history: bool = True
    #: How often to compare REST with the WebSocket; 0s: never.
    cross_check: Duration = timedelta(minutes=15)


class Gateway(Table):
    """One EMS deployment."""

    #: Addresses; none for `urls = "managed"`.
    urls: Annotated[
        list[WebSocketUrl],
        Field(min_length=1),
        WrapValidator(list_or_managed),
        PlainSerializer(lambda urls: urls or MANAGED),
    ]
    managed: Managed | None = None
    rest_url: HttpUrl | None = None
    auth: Annotated[Auth, Field(validate_default=True)] = Auth()
    recovery: Recovery = Recovery()
    accounts: dict[Name, AccountRules] = Field(default_factory=dict)
    #: The venues that are asked themselves, by the account that they hold.
    venues: dict[Name, Venue] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _is_managed_by_default(cls, given: object) -> object:
        """Add the table that `urls = "managed"` needs."""
        if isinstance(given, Mapping) and given.get("urls") == MANAGED and given.get("managed") is None:
            return {**given, "managed": {}}
        return given

    @field_validator("managed")
    @classmethod
    def _goes_with_urls(cls, managed: Managed | None, info: ValidationInfo) -> Managed | None:
        if managed is not None and info.data.get("urls"):
            raise ValueError('contradicts urls; give addresses, or urls = "managed" with this table')
        return managed

    @field_validator("auth")
    @classmethod
    def _fits_the_gateway(cls, auth: Auth, info: ValidationInfo) -> Auth:
        if info.data.get("managed") is not None:
            auth.require_managed()
        elif "urls" in info.data and "managed" in info.data:
            auth.require_own()
        return auth

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        if len(self.urls) != len(set(self.urls)):
            raise ValueError("urls: the same address stands twice")
        if self.auth.method == "certificate" and not all(url.startswith("wss://") for url in self.urls):
            raise ValueError('auth: method "certificate" needs wss:// urls')
        if self.managed is not None and self.auth.method != "certificate":
            for key in self.managed.certificate_keys:
                raise ValueError(f'managed: {key} contradicts auth method "{self.auth.method}"')
        return self


class Log(Table):
    """How the service writes about itself (not the event log)."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Service(Table):
    """The running service."""

    shutdown_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    #: Whether each gateway is projected by a process of its own, or by a task of the service. Without it: by processes
    #: from two gateways to MOST_PROCESSES.
    projection: Literal["process", "task"] | None = None


class Limits(Table):
    """The bounds that an operator may set; every other bound is a named constant."""

    buffer_bytes: Annotated[int, Field(ge=MEBIBYTE)] = 64 * MEBIBYTE
    max_message_bytes: Annotated[int, Field(ge=64 * 1024)] = 16 * MEBIBYTE
    batch_events: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="after")
    def _holds_a_message(self) -> Self:
        if self.buffer_bytes < self.max_message_bytes:
            raise ValueError("buffer_bytes must hold at least one message of max_message_bytes")
        return self


class Settings(BaseSettings):
    """All settings of recon, as `load_settings` gives them."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="RECON_",
        env_nested_delimiter="__",
    )

    database: Database = Database()
    gateways: dict[Name, Gateway] = Field(default_factory=dict)
    accounts: DefaultRules = AccountRules()
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    commands: dict[Name, Command] = Field(default_factory=dict)
    apprise: dict[Name, Apprise] = Field(default_factory=dict)
    alert_logs: dict[Name, AlertLog] = Field(default_factory=dict)
    alertmanager: dict[Name, Alertmanager] = Field(default_factory=dict)
    pagerduty: dict[Name, PagerDuty] = Field(default_factory=dict)
    alerts: Alerts = Alerts()
    imports: dict[Name, Import] = Field(default_factory=dict)
    log: Log = Log()
    service: Service = Service()
    limits: Limits = Limits()
    web: Web = Web()
    backup: Backup = Backup()
    evidence: Evidence = Evidence()
    monitoring: Monitoring = Monitoring()
    tracing: Tracing = Tracing()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read only the given values: `load_settings` reads the environment."""
        return (init_settings,)

    @property
    def projects_in_processes(self) -> bool:
        """True if each gateway is projected by a process of its own."""
        if self.service.projection is None:
            return 1 < len(self.gateways) <= MOST_PROCESSES
        return self.service.projection == "process"

    def require_gateways(self) -> dict[str, Gateway]:
        """Return the gateways. Raise ConfigError if there is none."""
        if not self.gateways:
            raise ConfigError("no gateway is configured; add [gateways.NAME] with urls, or set RECON_GATEWAYS")
        return self.gateways
