"""Whether a body can be stored in the log as JSON: one document that Postgres can embed and read. Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from recon.ems.protocol.fields import UNREADABLE

#: Most characters kept of a body that is stored as text.
MAX_TEXT_CHARS: Final = 2000
#: Deepest nesting of a body that is stored as JSON; the documented ones need eight levels.
MAX_DEPTH: Final = 64

_JSON: Final = msgspec.json.Decoder(msgspec.Raw)
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
#: Numbers that a database cannot compare; no quantity is that large.
_HUGE_NUMBER: Final = re.compile(rb"[eE][+-]?0*[1-9][0-9]{3}|[0-9]{1000}")
#: Keeps only the brackets, all of one kind, so that each removal of empty pairs takes one level away.
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))


def is_json(content: bytes) -> bool:
    """True if bytes are one JSON document in UTF-8."""
    try:
        _JSON.decode(content)
        content.decode()
    except UNREADABLE:
        return False
    return True


def is_storable(content: bytes) -> bool:
    """True if bytes can be embedded in a document that Postgres can read: no U+0000, no huge number, not too deep."""
    if not is_json(content) or _has_nul(content):
        return False
    # Escapes occur in strings only; without them, every second piece between quotes is outside of strings.
    bare = b" ".join(content.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])
    if _HUGE_NUMBER.search(bare):
        return False
    nesting = bare.translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not nesting:
            return True
        nesting = nesting.replace(b"[]", b"")
    return not nesting


def without_nul(document: bytes) -> bytes:
    """Return a JSON document with each escaped U+0000 replaced, which no database could show."""
    return _NUL.sub(rb"\1\\ufffd", document) if _has_nul(document) else document


def text_prefix(content: bytes) -> str:
    """Return the beginning of a body that is stored as text."""
    return content[: 4 * MAX_TEXT_CHARS].decode("utf-8", "replace").replace("\x00", "\ufffd")[:MAX_TEXT_CHARS]


def _has_nul(document: bytes) -> bool:
    return b"\\u0000" in document and _NUL.search(document) is not None
