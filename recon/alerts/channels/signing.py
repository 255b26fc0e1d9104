"""The signatures of one message by every key of a webhook (Standard Webhooks).

The library signs with one key, and takes whatever time it is given for UTC; so it is called once a key, in UTC.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standardwebhooks import Webhook

from recon.config.signing import SigningKey, signing_keys

#: Before the base64 of a public key of ed25519.
PUBLIC_PREFIX = "whpk_"

_Signer: TypeAlias = Callable[[str, datetime, str], str]


class Signatures:
    """Signs with each key of a secret, in order."""

    def __init__(self, secret: str) -> None:
        """Read the keys. Raise ValueError, which quotes none of them."""
        self._signers = [_signer(key) for key in signing_keys(secret)]

    def sign(self, message_id: str, at: datetime, body: str) -> str:
        """Return the signatures as the header has them, separated by spaces."""
        utc = at.astimezone(UTC)
        return " ".join(signer(message_id, utc, body) for signer in self._signers)


def public_keys(secret: str) -> list[str]:
    """Return the public keys (`whpk_…`) of the ed25519 keys in a secret: receivers verify by these."""
    return [
        PUBLIC_PREFIX
        + base64.b64encode(_private(key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        for key in signing_keys(secret)
        if key.version == "v1a"
    ]


def _signer(key: SigningKey) -> _Signer:
    if key.version == "v1":
        return Webhook(key.key).sign
    private = _private(key)

    def sign(message_id: str, at: datetime, body: str) -> str:
        signed = private.sign(f"{message_id}.{int(at.timestamp())}.{body}".encode())
        return f"v1a,{base64.b64encode(signed).decode()}"

    return sign


def _private(key: SigningKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.key)
