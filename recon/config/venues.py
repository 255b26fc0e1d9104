"""`[gateways.NAME.venues.ACCOUNT]`: a venue that is asked itself what an account holds (operator 4.5.2)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from recon.config.base import SecretTable
from recon.config.values import Duration, HttpUrl, Name
from recon.redaction import MIN_SECRET_CHARS

#: How often a venue may be asked: not more often, and not more seldom.
LEAST_EVERY: Final = timedelta(minutes=1)
MOST_EVERY: Final = timedelta(days=1)
#: How far back trades are asked for at a start, at most.
MOST_LOOK_BACK: Final = timedelta(days=30)
#: Most symbols, and most wallets, of one account.
MAX_SYMBOLS: Final = 200
MAX_WALLETS: Final = 8

#: An id as the library spells them: `kraken`, `binanceusdm`.
ExchangeId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$", strict=True)]
Asked = Literal["balances", "positions", "trades"]


class Venue(SecretTable):
    """How a venue is asked about one account; the key may read and do nothing else."""

    secret_keys: ClassVar[tuple[str, ...]] = ("api_key", "secret", "password")

    #: The venue's id in the library ccxt.
    exchange: ExchangeId
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    #: The passphrase of venues that want one.
    password: SecretStr | None = None
    password_file: Path | None = None
    ask: Annotated[tuple[Asked, ...], Field(min_length=1)] = ("balances",)
    every: Duration = timedelta(minutes=15)
    #: As ccxt writes them, such as "BTC/USD": many venues tell the trades of one symbol at a time.
    symbols: Annotated[tuple[Name, ...], Field(max_length=MAX_SYMBOLS)] = ()
    #: The wallets that are summed up, such as "spot" and "funding"; none: the venue's own default.
    wallets: Annotated[tuple[Name, ...], Field(max_length=MAX_WALLETS)] = ()
    #: Whether the venue lists all that it holds, so that what it does not list is zero.
    complete: bool = False
    #: The venue's codes and those of the EMS, where they differ: of assets, and of contracts and pairs.
    assets: dict[Name, Name] = Field(default_factory=dict)
    contracts: dict[Name, Name] = Field(default_factory=dict)
    #: Whether the EMS reports the venue's own ids of orders; if not, trades are matched by time and amount.
    order_ids: bool = True
    #: How far back trades are asked for when recon starts.
    look_back: Duration = timedelta(hours=1)
    #: Another address than the venue's own, such as that of a proxy.
    url: HttpUrl | None = None

    @field_validator("every")
    @classmethod
    def _is_neither_often_nor_seldom(cls, every: timedelta) -> timedelta:
        if not LEAST_EVERY <= every <= MOST_EVERY:
            raise ValueError("must be at least 1m and at most 1d")
        return every

    @field_validator("look_back")
    @classmethod
    def _is_not_long_ago(cls, look_back: timedelta) -> timedelta:
        if look_back > MOST_LOOK_BACK:
            raise ValueError("must be at most 30d")
        return look_back

    @field_validator("api_key", "secret", "password")
    @classmethod
    def _can_be_kept_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_SECRET_CHARS:
            raise ValueError(f"must have at least {MIN_SECRET_CHARS} characters: a shorter one cannot be kept secret")
        return value

    @field_validator("ask", "symbols", "wallets")
    @classmethod
    def _stand_once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(values) != len(set(values)):
            raise ValueError("one of them stands twice")
        return values

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        for key in ("api_key", "secret"):
            if getattr(self, key) is None:
                raise ValueError(f"{key} or {key}_file must be given, of a key that may only read")
        return self
