"""Bounds of texts from outside: what is longer is known by a digest, or cut. Pure (protocol 15).

1. An identifier that is too long is replaced by a key: its beginning and the sha256 of the whole. The same text has the
   same key, two texts have two, and a key is one character longer than any identifier, so it equals none.
2. Postgres refuses an index row above 2,704 bytes. Account and identifier together have at most 1,604 bytes in UTF-8.
"""

from __future__ import annotations

import hashlib
from typing import Final

#: Most characters of an identifier: of an order, an asset, a symbol, an instance, a fact, an account.
MAX_ID_CHARS: Final = 200
#: Most characters of a code: a status, a side, a kind of order, a version, a host.
MAX_CODE_CHARS: Final = 100
#: Most characters of a text for people.
MAX_TEXT_CHARS: Final = 2000
#: Most characters of a time; the longest documented form has 33.
MAX_TIME_CHARS: Final = 64

#: Stands where a text was cut.
CUT: Final = "…"
_MARK: Final = f"{CUT}sha256:"
_DIGEST_CHARS: Final = 64
_KEPT_CHARS: Final = MAX_ID_CHARS + 1 - len(_MARK) - _DIGEST_CHARS


def identifier_key(text: str) -> str:
    """Return an identifier that fits, or the key of one that does not."""
    if len(text) <= MAX_ID_CHARS:
        return text
    return f"{text[:_KEPT_CHARS]}{_MARK}{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def is_key(identifier: str) -> bool:
    """True if this is the key of an identifier that is too long: nobody else knows it by that."""
    return len(identifier) > MAX_ID_CHARS


def cut(text: str, max_chars: int) -> str:
    """Return the beginning of a text, with a mark where the rest is left out."""
    return text if len(text) <= max_chars else text[: max_chars - len(CUT)] + CUT
