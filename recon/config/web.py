"""`[web]`: where recon takes requests over HTTP, and the tokens of people (operator 10)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from recon.config.base import SecretTable, Table
from recon.config.channels import is_loopback
from recon.config.values import Name

#: Shortest token, in characters: shorter ones can be guessed.
MIN_TOKEN: Final = 32
#: Most tokens; each request is compared with all of them.
MAX_TOKENS: Final = 1000


class Token(SecretTable):
    """A token of one person, and the database login that it stands for."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token", "url")

    token: SecretStr
    token_file: Path | None = None
    url: SecretStr
    url_file: Path | None = None

    @field_validator("token")
    @classmethod
    def _is_long(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        if len(text) < MIN_TOKEN or not text.isascii() or any(character.isspace() for character in text):
            raise ValueError(f"must be at least {MIN_TOKEN} ASCII characters without a space")
        return token

    @field_validator("url")
    @classmethod
    def _is_postgres(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be an address that begins with postgresql://")
        return url


class Web(Table):
    """The HTTP server of the service; without `listen` there is none."""

    #: Host and port, such as 127.0.0.1:8080.
    listen: str | None = None
    #: With a certificate it speaks https; beyond this machine it must.
    certificate_file: Path | None = None
    private_key_file: Path | None = None
    tokens: Annotated[dict[Name, Token], Field(max_length=MAX_TOKENS)] = Field(default_factory=dict)

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, listen: str | None) -> str | None:
        if listen is not None:
            host_and_port(listen)
        return listen

    @model_validator(mode="after")
    def _hides_passwords(self) -> Self:
        if (self.certificate_file is None) != (self.private_key_file is None):
            raise ValueError("certificate_file and private_key_file belong together")
        if self.listen is not None and self.certificate_file is None and not is_loopback(host_and_port(self.listen)[0]):
            raise ValueError("listen: beyond this machine (127.0.0.1) it needs certificate_file and private_key_file")
        return self


def host_and_port(listen: str) -> tuple[str, int]:
    """Return host and port of an address to listen at. Raise ValueError."""
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
        bare = parts.netloc == listen and parts.username is None
    except ValueError:
        host, port, bare = None, None, False
    if not host or port is None or not bare:
        raise ValueError('must be a host and a port, such as "127.0.0.1:8080" or "[::1]:8080"')
    return host, port
