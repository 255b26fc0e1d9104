"""The settings as frozen records, a class for each table; each refuses what contradicts itself."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from recon.config.imports import Import
from recon.config.values import Amount, Duration, HttpUrl, Name, PositiveAmount, Rate, TimeOfDay, WebSocketUrl
from recon.errors import ConfigError

MEBIBYTE: Final = 1 << 20
#: Longest settlement window that still means anything.
MAX_SETTLEMENT_WINDOW: Final = timedelta(hours=1)
#: Funding is paid on a grid that begins anew each day.
_DAY: Final = timedelta(days=1)
#: Largest file that is read as a secret or certificate, in bytes.
MAX_SECRET_FILE_BYTES: Final = MEBIBYTE

_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY: Final = "PRIVATE KEY-----"


class Table(BaseModel):
    """A table of the file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SecretTable(Table):
    """A table in which each secret may be given itself or as the name of a file that holds it."""

    secret_keys: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def read_secret_files(cls, given: object) -> object:
        """Put what the files hold in the secrets' places."""
        if not isinstance(given, Mapping):
            return given
        found = dict(given)
        for key in cls.secret_keys:
            file = found.get(f"{key}_file")
            if file is None:
                continue
            if found.get(key) is not None:
                raise ValueError(f"{key} and {key}_file contradict each other; give one of them")
            found[key] = read_text(f"{key}_file", Path(str(file))).strip()
            if not found[key]:
                raise ValueError(f"{key}_file: {file} is empty")
        return found


def read_text(key: str, path: Path) -> str:
    """Read a small file that a key names. Errors: ValueError with the key and the path, never the content."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SECRET_FILE_BYTES + 1)
        if len(content) > MAX_SECRET_FILE_BYTES:
            raise ValueError(f"{key}: {path} is larger than {MAX_SECRET_FILE_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise ValueError(f"{key}: {path} cannot be read: {error.strerror or 'unknown reason'}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{key}: {path} is not a text file") from None


class Database(SecretTable):
    """Which Postgres: one that is named, or one of our own in `data_dir`."""

    secret_keys: ClassVar[tuple[str, ...]] = ("url", "migrate_url", "operator_url")

    url: SecretStr | None = None
    url_file: Path | None = None
    migrate_url: SecretStr | None = None
    migrate_url_file: Path | None = None
    #: A person's own login, for what people decide and record; without it the service's is shared (semantics 10.1).
    operator_url: SecretStr | None = None
    operator_url_file: Path | None = None
    data_dir: Path | None = None

    @field_validator("url", "migrate_url", "operator_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be an address that begins with postgresql://")
        return url


class Auth(SecretTable):
    """How we prove to a gateway who we are."""

    secret_keys: ClassVar[tuple[str, ...]] = ("api_key",)

    method: Literal["none", "header", "query", "certificate"] = "none"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    certificate_file: Path | None = None
    private_key_file: Path | None = None
    ca_file: Path | None = None

    @field_validator("api_key")
    @classmethod
    def _fits_into_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = "key" if key is None else key.get_secret_value()
        if not text or not text.isascii() or not text.isprintable() or text != text.strip():
            raise ValueError("must be printable ASCII, not empty and without spaces around it")
        return key

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        with_key = self.method in {"header", "query"}
        if with_key and self.api_key is None:
            raise ValueError(f'method "{self.method}" needs api_key or api_key_file')
        if not with_key and self.api_key is not None:
            raise ValueError(f'api_key contradicts method "{self.method}"')
        if self.method != "certificate":
            for key in ("certificate_file", "private_key_file"):
                if getattr(self, key) is not None:
                    raise ValueError(f'{key} contradicts method "{self.method}"')
        else:
            self._check_certificate()
        if self.ca_file is not None and _CERTIFICATE not in read_text("ca_file", self.ca_file):
            raise ValueError(f"ca_file: {self.ca_file} holds no PEM certificate")
        return self

    def _check_certificate(self) -> None:
        if self.certificate_file is None:
            raise ValueError('method "certificate" needs certificate_file')
        bundle = read_text("certificate_file", self.certificate_file)
        if _CERTIFICATE not in bundle:
            raise ValueError(f"certificate_file: {self.certificate_file} holds no PEM certificate")
        holds_key = _PRIVATE_KEY in bundle
        if self.private_key_file is None:
            if not holds_key:
                raise ValueError(
                    f"certificate_file: {self.certificate_file} holds no private key; "
                    "give private_key_file, or a bundle that holds both"
                )
            return
        if holds_key:
            raise ValueError("private_key_file contradicts the private key inside certificate_file; give one of them")
        if _PRIVATE_KEY not in read_text("private_key_file", self.private_key_file):
            raise ValueError(f"private_key_file: {self.private_key_file} holds no PEM private key")


class Tolerance(Table):
    """What may differ; a key left out is inherited, in the end 0 (semantics 6)."""

    absolute: Amount | None = None
    relative: Annotated[Amount, Field(le=1)] | None = None
    usd: Amount | None = None


class UnitRules(Table):
    """Rules for one unit of an account."""

    tolerance: Tolerance | None = None
    quantum: PositiveAmount | None = None


class ContractTerms(Table):
    """Terms of one derivative; while one is missing, its balances are unmodelled (semantics 3.5)."""

    multiplier: PositiveAmount | None = None
    kind: Literal["linear", "inverse", "premium"] | None = None
    settlement_asset: Name | None = None
    realised: Literal["close", "daily", "continuous"] | None = None
    realised_at: TimeOfDay | None = None
    method: Literal["average", "fifo"] | None = None
    balance_includes_unrealised: bool | None = None
    order_unit: Name | None = None
    position_unit: Name | None = None


class FeeRule(Table):
    """One line of a venue's fee schedule; the first line that matches a fill holds, so general lines come last."""

    symbol: Name | None = None
    instrument: Literal["SPOT", "PERPETUAL", "FUTURES", "OPTION"] | None = None
    maker: Rate | None = None
    taker: Rate | None = None
    #: Where the fee is taken: quote, base, received (base of a purchase, quote of a sale), or a balance row's code.
    asset: Name = "quote"

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.maker is None and self.taker is None:
            raise ValueError("a line of fees needs maker, taker or both")
        return self


class Funding(Table):
    """When a venue pays funding: every so often from midnight UTC on, and how late it may come. Inherited whole."""

    every: Duration = timedelta(hours=8)
    within: Duration = timedelta(minutes=15)

    @model_validator(mode="after")
    def _is_a_grid(self) -> Self:
        if not timedelta() < self.every <= _DAY or _DAY % self.every:
            raise ValueError("every must divide a day evenly: 1h, 4h, 8h, …")
        if not timedelta() < self.within < self.every:
            raise ValueError("within must be more than nothing and less than every")
        return self


Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class AccountRules(Table):
    """What decides for an account; a key left out is taken from `[accounts]`, then from recon's defaults."""

    settlement_window: Duration | None = None
    tolerance: Tolerance | None = None
    assets: dict[Name, Name] = Field(default_factory=dict)
    pools: list[list[Name]] | None = None
    units: dict[Name, UnitRules] = Field(default_factory=dict)
    contracts: dict[Name, ContractTerms] = Field(default_factory=dict)
    position_mode: Literal["hedge", "one_way"] | None = None
    trust_balance_manager: bool | None = None
    fees: list[FeeRule] | None = None
    learn_fees_up_to: Annotated[Amount, Field(le=1)] | None = None
    funding: Funding | None = None
    material_usd: Amount | None = None
    cutoff: TimeOfDay | None = None
    business_days: Annotated[list[Weekday], Field(min_length=1)] | None = None

    @field_validator("settlement_window")
    @classmethod
    def _is_a_window(cls, window: timedelta | None) -> timedelta | None:
        if window is not None and not timedelta() < window <= MAX_SETTLEMENT_WINDOW:
            raise ValueError("must be more than nothing and at most 1h")
        return window

    @field_validator("pools")
    @classmethod
    def _share_no_member(cls, pools: list[list[str]] | None) -> list[list[str]] | None:
        members = [code for pool in pools or [] for code in pool]
        if any(len(pool) < 2 for pool in pools or []):
            raise ValueError("a pool needs at least two codes")
        if len(members) != len(set(members)):
            raise ValueError("a code may stand in one pool, once")
        return pools

    @field_validator("fees")
    @classmethod
    def _can_all_match(cls, fees: list[FeeRule] | None) -> list[FeeRule] | None:
        for index, rule in enumerate(fees or []):
            for earlier in (fees or [])[:index]:
                if earlier.symbol in {None, rule.symbol} and earlier.instrument in {None, rule.instrument}:
                    raise ValueError(f"line {index + 1} never holds: an earlier one matches all that it does")
        return fees

    @field_validator("business_days")
    @classmethod
    def _are_days(cls, days: list[Weekday] | None) -> list[Weekday] | None:
        if days is not None and len(days) != len(set(days)):
            raise ValueError("a day stands twice")
        return days


class Gateway(Table):
    """One EMS deployment."""

    urls: Annotated[list[WebSocketUrl], Field(min_length=1)]
    rest_url: HttpUrl | None = None
    auth: Auth = Auth()
    accounts: dict[Name, AccountRules] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        if len(self.urls) != len(set(self.urls)):
            raise ValueError("urls: the same address stands twice")
        if self.auth.method == "certificate" and not all(url.startswith("wss://") for url in self.urls):
            raise ValueError('auth: method "certificate" needs wss:// urls')
        return self


class Webhook(SecretTable):
    """A receiver of signed alerts (the Standard Webhooks scheme)."""

    secret_keys: ClassVar[tuple[str, ...]] = ("secret",)

    url: HttpUrl
    secret: SecretStr
    secret_file: Path | None = None

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, secret: SecretStr) -> SecretStr:
        encoded = secret.get_secret_value().removeprefix("whsec_")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not key:
            raise ValueError('must be base64, after "whsec_"')
        return secret


class Log(Table):
    """How the service writes about itself (not the event log)."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Service(Table):
    """The running service."""

    shutdown_seconds: Annotated[int, Field(ge=1, le=3600)] = 30


class Limits(Table):
    """The bounds that an operator may move; every other bound is a named constant."""

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
    accounts: AccountRules = AccountRules()
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    imports: dict[Name, Import] = Field(default_factory=dict)
    log: Log = Log()
    service: Service = Service()
    limits: Limits = Limits()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is handed in alone: the environment too is handed in, to `load_settings`."""
        return (init_settings,)

    def require_gateways(self) -> dict[str, Gateway]:
        """Return the gateways, for a command that needs them. Errors: ConfigError when there is none."""
        if not self.gateways:
            raise ConfigError("no gateway is configured; add [gateways.NAME] with urls, or set RECON_GATEWAYS")
        return self.gateways
