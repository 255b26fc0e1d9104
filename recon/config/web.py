"""`[web]`: where recon takes requests over HTTP, who may read the page, and the tokens of people (operator 10)."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from recon.config.base import SecretTable
from recon.config.channels import is_loopback
from recon.config.values import Name

#: Shortest token, in characters: shorter ones can be guessed.
MIN_TOKEN: Final = 32
#: Most tokens; each request is compared with all of them.
MAX_TOKENS: Final = 1000
#: Most names of the page, and most proxies.
MAX_HOSTS: Final = 32
MAX_PROXIES: Final = 32

#: A name of a host with a port or without, as a browser sends it.
_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
#: Headers that mean something of their own, so none of them can name a person.
_TAKEN: Final = frozenset({"host", "cookie", "authorization", "origin", "content-type", "content-length"})


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
        _of_postgres(url)
        return url


def _of_postgres(url: SecretStr | None) -> SecretStr | None:
    if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must be an address that begins with postgresql://")
    return url


class Web(SecretTable):
    """The HTTP server of the service; without `listen` there is none."""

    section: ClassVar[str] = "web"
    secret_keys: ClassVar[tuple[str, ...]] = ("reader_url",)

    #: Host and port, such as 127.0.0.1:8080.
    listen: str | None = None
    #: With a certificate it speaks https; beyond this machine it must.
    certificate_file: Path | None = None
    private_key_file: Path | None = None
    tokens: Annotated[dict[Name, Token], Field(max_length=MAX_TOKENS)] = Field(default_factory=dict)
    #: The login that reads for whoever opens the page without logging in; without it everybody logs in.
    reader_url: SecretStr | None = None
    reader_url_file: Path | None = None
    #: The names by which browsers reach the page, beside the address that it listens at.
    hosts: Annotated[list[str], Field(max_length=MAX_HOSTS)] = Field(default_factory=list)
    #: Addresses or networks of proxies that say who reads, in `proxy_user_header`.
    proxies: Annotated[list[str], Field(max_length=MAX_PROXIES)] = Field(default_factory=list)
    proxy_user_header: str | None = None

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, listen: str | None) -> str | None:
        if listen is not None:
            host_and_port(listen)
        return listen

    @field_validator("reader_url")
    @classmethod
    def _reads_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        return _of_postgres(url)

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not _HOST.fullmatch(host.lower()):
                raise ValueError(f'{host} is no name of a host, such as "recon.example.com" or "10.0.0.5:8443"')
        return [host.lower() for host in hosts]

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            network_of(proxy)
        return proxies

    @field_validator("proxy_user_header")
    @classmethod
    def _is_a_header(cls, header: str | None) -> str | None:
        if header is not None and (not _HEADER.fullmatch(header) or header.lower() in _TAKEN):
            raise ValueError("must be a header of its own, such as X-Forwarded-User")
        return header

    @model_validator(mode="after")
    def _trusts_proxies_for_reading(self) -> Self:
        if bool(self.proxies) != (self.proxy_user_header is not None):
            raise ValueError("proxies and proxy_user_header belong together")
        if self.proxies and self.reader_url is None:
            raise ValueError("proxies: whom they name reads by reader_url, so it is needed too")
        return self

    @model_validator(mode="after")
    def _hides_passwords(self) -> Self:
        if (self.certificate_file is None) != (self.private_key_file is None):
            raise ValueError("certificate_file and private_key_file belong together")
        if self.listen is not None and self.certificate_file is None and not is_loopback(host_and_port(self.listen)[0]):
            raise ValueError("listen: beyond this machine (127.0.0.1) it needs certificate_file and private_key_file")
        return self


def network_of(proxy: str) -> IPv4Network | IPv6Network:
    """Return the network of a proxy's address. Raise ValueError."""
    try:
        return ip_network(proxy, strict=False)
    except ValueError:
        raise ValueError(f'{proxy} is no address or network, such as "10.0.0.7" or "10.0.0.0/24"') from None


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
