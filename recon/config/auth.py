"""How recon authenticates to a gateway and to the managed cloud."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from recon.config.base import SecretTable, read_text

_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY: Final = "PRIVATE KEY-----"


class Auth(SecretTable):
    """How recon authenticates to a gateway."""

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
        if self.method in {"header", "query"} and self.api_key is None:
            raise ValueError(f'method "{self.method}" needs api_key or api_key_file')
        if self.method == "none" and self.api_key is not None:
            raise ValueError('api_key contradicts method "none"')
        if self.method != "certificate":
            for key in ("certificate_file", "private_key_file"):
                if getattr(self, key) is not None:
                    raise ValueError(f'{key} contradicts method "{self.method}"')
        if self.certificate_file is not None:
            self._check_certificate(self.certificate_file)
        if self.ca_file is not None and _CERTIFICATE not in read_text("ca_file", self.ca_file):
            raise ValueError(f"ca_file: {self.ca_file} holds no PEM certificate")
        return self

    def require_own(self) -> None:
        """Check a gateway that is named by its address. Raise ValueError."""
        if self.method != "certificate":
            return
        if self.api_key is not None:
            raise ValueError('api_key contradicts method "certificate"')
        if self.certificate_file is None:
            raise ValueError('method "certificate" needs certificate_file')

    def require_managed(self) -> None:
        """Check a gateway of the managed cloud, whose management API accepts only a key. Raise ValueError.

        With method "certificate" the client certificate comes from that API, too.
        """
        if self.method == "none":
            raise ValueError('urls = "managed" needs method "header", "query" or "certificate", and an api_key')
        if self.api_key is None:
            raise ValueError('method "certificate" with urls = "managed" needs api_key too, for the management API')
        for key in ("certificate_file", "private_key_file"):
            if getattr(self, key) is not None:
                raise ValueError(f'{key} contradicts urls = "managed", where the certificate is fetched')

    def _check_certificate(self, file: Path) -> None:
        bundle = read_text("certificate_file", file)
        if _CERTIFICATE not in bundle:
            raise ValueError(f"certificate_file: {file} holds no PEM certificate")
        holds_key = _PRIVATE_KEY in bundle
        if self.private_key_file is None:
            if not holds_key:
                raise ValueError(
                    f"certificate_file: {file} holds no private key; give private_key_file, or a bundle that holds both"
                )
            return
        if holds_key:
            raise ValueError("private_key_file contradicts the private key inside certificate_file; give one of them")
        if _PRIVATE_KEY not in read_text("private_key_file", self.private_key_file):
            raise ValueError(f"private_key_file: {self.private_key_file} holds no PEM private key")
