"""Client certificates as the managed cloud gives them (protocol 12), and the file that stores one.

`/v1/certificate/pem` returns three PEM blocks: public key, private key, certificate. TLS libraries do not take that
order as a chain, so the blocks are recognised by their labels. `cryptography` reads a certificate's end and whether a
key fits it: the standard library's only reader of a leaf certificate is private (`ssl._ssl._test_decode_cert`), and
`SSLContext.get_ca_certs` reads authorities only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from recon.display.words import counted
from recon.errors import ConfigError, GatewayError
from recon.network_errors import system_text
from recon.private_files import OTHERS, PRIVATE_DIRECTORY, open_to_others, write_private

#: Bytes of the largest PEM text taken.
MAX_PEM_BYTES: Final = 1024 * 1024
#: Renewal begins at the earliest when one part in this many of a certificate's life is left.
RENEWAL_SHARE: Final = 3

_PEM_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, repr=False, slots=True)
class ClientCertificate:
    """A certificate with its private key; `pem` holds both and is secret, so the repr leaves it out."""

    pem: str
    subject: str
    issuer: str
    serial: int
    valid_from: datetime
    valid_until: datetime

    def __repr__(self) -> str:
        return f"ClientCertificate(subject={self.subject!r}, ends={self.valid_until.isoformat()})"

    def renew_at(self, renew_before: timedelta) -> datetime:
        """Return when to renew: `renew_before` the end, but never in the first two thirds of the certificate's life."""
        return self.valid_until - min(renew_before, (self.valid_until - self.valid_from) / RENEWAL_SHARE)

    def validity(self, at: datetime) -> str:
        """Return `valid`, `expired` or `not yet valid`."""
        if at >= self.valid_until:
            return "expired"
        return "valid" if at >= self.valid_from else "not yet valid"


def pem_blocks(text: str) -> list[tuple[str, str]]:
    """Return the (label, block) pairs of a PEM text, in its order, without the text between blocks."""
    return [(match[1], match[0]) for match in _PEM_BLOCK.finditer(text)]


def read_certificate(text: str, source: str) -> ClientCertificate:
    """Return the private key with the certificate that fits it and its chain, in any order of the blocks.

    Raise GatewayError, which names the source and never quotes its content.
    """
    blocks = pem_blocks(text)
    keys = [block for label, block in blocks if label.endswith("PRIVATE KEY")]
    certificates = [block for label, block in blocks if label == "CERTIFICATE"]
    if len(keys) != 1 or not certificates:
        raise GatewayError(
            f"{source} must give one private key and a certificate in PEM form; "
            f"it gave {counted(len(keys), 'private key')} and {counted(len(certificates), 'certificate')}"
        )
    try:
        public_key = _spki(load_pem_private_key(keys[0].encode(), None).public_key())
        parsed = [(x509.load_pem_x509_certificate(block.encode()), block) for block in certificates]
        fitting = [
            (certificate, block) for certificate, block in parsed if _spki(certificate.public_key()) == public_key
        ]
        if not fitting:
            raise GatewayError(f"{source} gave a private key that fits none of its certificates")
        leaf, first = fitting[0]
        chain = [block for _, block in parsed if block != first]
        return ClientCertificate(
            pem="\n".join([keys[0], first, *chain, ""]),
            subject=leaf.subject.rfc4514_string(),
            issuer=leaf.issuer.rfc4514_string(),
            serial=leaf.serial_number,
            valid_from=leaf.not_valid_before_utc,
            valid_until=leaf.not_valid_after_utc,
        )
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion):
        # From None: the library's message may quote what it read.
        raise GatewayError(f"{source} gave a private key or certificate that cannot be read") from None


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def certificate_path(directory: Path, gateway: str) -> Path:
    """Return the file of a gateway's certificate; a name that cannot be a file name is percent-encoded."""
    return directory / f"{quote(gateway, safe='').replace('.', '%2E')}.pem"


def load_certificate(path: Path) -> ClientCertificate | None:
    """Return the certificate in a file, None if the file does not exist yet.

    Raise ConfigError if others may read the file or it cannot be read, GatewayError if it holds no certificate.
    """
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_mode & OTHERS:
                raise ConfigError(f"{path} holds a private key and can be read by others; remove it or chmod 600 it")
            content = stream.read(MAX_PEM_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {system_text(error)}") from None
    if len(content) > MAX_PEM_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_PEM_BYTES} bytes; it is not a PEM file")
    return read_certificate(content.decode("utf-8", "replace"), str(path))


def save_certificate(path: Path, certificate: ClientCertificate) -> None:
    """Write a certificate for the next start: completely or not at all, readable by its owner only.

    Raise ConfigError if the directory is open to others or cannot be written.
    """
    directory = path.parent
    try:
        directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if open_to_others(directory):
            raise ConfigError(f"certificate_dir {directory} is open to other users; chmod 700 it")
        write_private(path, certificate.pem.encode("ascii"))
    except OSError as error:
        raise ConfigError(f"certificate_dir {directory} cannot be written: {system_text(error)}") from None
