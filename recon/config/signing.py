"""The keys that sign webhooks, as the settings write them (Standard Webhooks). Pure.

A secret is one key or several, separated by blanks or lines: `whsec_` and base64 is a shared secret for HMAC-SHA256
(`v1`), `whsk_` and base64 the private key of an ed25519 pair (`v1a`). Every key signs, so a receiver may be given a new
one before the former is taken away.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, Literal

import msgspec

SHARED_PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
#: Most keys of one webhook: each adds a signature to the header.
MAX_KEYS: Final = 8
#: Bytes of an ed25519 seed; the public key may follow it.
SEED_BYTES: Final = 32


class SigningKey(msgspec.Struct, frozen=True):
    """One key and the version of its signatures; its repr says nothing of the key."""

    version: Literal["v1", "v1a"]
    key: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.version})"


def signing_keys(secret: str) -> list[SigningKey]:
    """Return the keys of a secret, in order. Raise ValueError, which quotes none of them."""
    words = secret.split()
    if not words:
        raise ValueError('must be base64, after "whsec_" or "whsk_"')
    if len(words) > MAX_KEYS:
        raise ValueError(f"must hold at most {MAX_KEYS} keys")
    return [_signing_key(word) for word in words]


def _signing_key(word: str) -> SigningKey:
    private = word.startswith(PRIVATE_PREFIX)
    encoded = word.removeprefix(PRIVATE_PREFIX if private else SHARED_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError('must be base64, after "whsec_" or "whsk_"')
    if not private:
        return SigningKey("v1", key)
    if len(key) not in {SEED_BYTES, 2 * SEED_BYTES}:
        raise ValueError('must be an ed25519 key of 32 or 64 bytes, after "whsk_"')
    return SigningKey("v1a", key[:SEED_BYTES])
