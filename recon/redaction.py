r"""Known secrets in texts of others: found in whatever spelling, and replaced. Pure.

A server may echo a key as `\u0032`, `%2D`, `&#50;`, in base64 or hexadecimal, in capitals, or one spelling inside
another. So a text is searched as decoded, and what is replaced are the bytes that spell the secret: the rest of a
payload stays byte for byte, and JSON stays JSON. Time is linear in the text.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

REDACTED: Final = b"[redacted]"
#: A shorter secret could not be removed from payloads without removing data.
MIN_SECRET_CHARS: Final = 6
#: From this length on a secret is found in capitals and small letters alike, in base64 and in hexadecimal.
MIN_LONG_CHARS: Final = 12
#: How many spellings inside each other are looked through.
MAX_LAYERS: Final = 3

#: What one character may be spelled as. A run of backslashes is one: each layer of JSON doubles it, and escapes a quote
#: by an odd number of them.
_ESCAPE: Final = re.compile(
    rb"\\+u00([2-7][0-9a-f])|\\+x([2-7][0-9a-f])|\\(?:\\\\)*(\")|\\+(/)|%(?:25){0,4}([2-7][0-9a-f])"
    rb"|&#x0{0,6}([2-7][0-9a-f]);|&#0{0,6}([1-9][0-9]{1,2});|(\\\\+)",
    re.IGNORECASE,
)
#: The escapes of one layer of JSON alone: only they tell backslashes apart.
_STRICT: Final = re.compile(rb"\\(?:u00([2-7][0-9a-f])|([\"\\/]))", re.IGNORECASE)
_DECIMAL: Final = 7
_BACKSLASHES: Final = 8
_RUNS: Final = re.compile(rb"\\\\+")
_BYTES: Final = tuple(bytes([code]) for code in range(256))


class Redactor:
    """Replaces some secrets in texts; its repr tells none."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        known = {secret for secret in secrets if secret and len(secret) >= MIN_SECRET_CHARS}
        plain = {form for secret in known for form in _plain_forms(secret)}
        exact = {form for form in plain if len(form) < MIN_LONG_CHARS}
        exact |= {form for secret in known if len(secret) >= MIN_LONG_CHARS for form in _base64_forms(secret.encode())}
        any_case = {form.lower() for form in plain - exact}
        any_case |= {secret.encode().hex().encode() for secret in known if len(secret) >= MIN_LONG_CHARS}
        # The longest first: a short one may be a part of it.
        self._exact = tuple(sorted(exact, key=len, reverse=True))
        self._any_case = tuple(sorted(any_case, key=len, reverse=True))
        self._patterns = (_ESCAPE, _STRICT) if any("\\" in secret for secret in known) else (_ESCAPE,)
        self._hints = tuple(sorted({_runs_as_one(form.lower()) for form in exact | any_case}))

    def __repr__(self) -> str:
        return f"Redactor({len(self._exact) + len(self._any_case)} spellings)"

    def redact(self, text: bytes) -> bytes:
        """Return a text in which each spelling of each secret is replaced; the same object if there is none."""
        if not self._hints:
            return text
        clean = self._without(text, _ESCAPE, layers=0) if self._plainly_in(text) else text
        if b"\\" not in clean and b"%" not in clean and b"&#" not in clean:
            return clean
        for pattern in self._patterns:
            if self._spelled_in(clean, pattern):
                clean = self._without(clean, pattern, layers=MAX_LAYERS)
        return clean

    def redact_text(self, text: str) -> str:
        """Return a text without the secrets."""
        given = text.encode("utf-8", "surrogatepass")
        clean = self.redact(given)
        return text if clean is given else clean.decode("utf-8", "surrogatepass")

    def _plainly_in(self, text: bytes) -> bool:
        if any(form in text for form in self._exact):
            return True
        lowered = text.lower() if self._any_case else b""
        return any(form in lowered for form in self._any_case)

    def _spelled_in(self, text: bytes, pattern: re.Pattern[bytes]) -> bool:
        """True if a secret is there once the text is decoded; where it stands is found out only then."""
        for _ in range(MAX_LAYERS):
            before, text = text, pattern.sub(_decode, text)
            if text == before:
                return False
            lowered = text.lower()
            if self._plainly_in(text) or any(hint in lowered for hint in self._hints):
                return True
        return False

    def _without(self, text: bytes, pattern: re.Pattern[bytes], *, layers: int) -> bytes:
        """Replace every secret, also in so many layers of spellings."""
        layer = _Layer(text)
        ranges = self._found(layer)
        for _ in range(layers):
            deeper = layer.decoded(pattern)
            if deeper is None:
                break
            layer = deeper
            ranges += self._found(layer)
        pieces, done = [], 0
        for start, end in sorted(_with_whole_escapes(text, start, end) for start, end in ranges):
            if start >= done:
                pieces += [text[done:start], REDACTED]
            done = max(done, end)
        return b"".join([*pieces, text[done:]]) if ranges else text

    def _found(self, layer: _Layer) -> list[tuple[int, int]]:
        ranges = []
        for content, forms in ((layer.content, self._exact), (layer.content.lower(), self._any_case)):
            for form in forms:
                at = content.find(form)
                while at >= 0:
                    ranges.append((layer.start(at), layer.end(at + len(form))))
                    at = content.find(form, at + len(form))
        return ranges


class _Layer:
    """A text as decoded so often, and where each of its bytes stands in the original."""

    def __init__(self, content: bytes, above: _Layer | None = None) -> None:
        self.content = content
        self._above = above
        #: Where each decoded character ends, here and in the layer above, and how long it is there.
        self._here: list[int] = []
        self._there: list[int] = []
        self._lengths: list[int] = []

    def decoded(self, pattern: re.Pattern[bytes]) -> _Layer | None:
        """Return the text with each spelled character decoded, None if nothing is spelled."""
        pieces: list[bytes] = []
        layer = _Layer(b"", self)
        done = length = 0
        for match in pattern.finditer(self.content):
            character = _character(match)
            if character is None:
                continue
            pieces += [self.content[done : match.start()], character]
            length += match.start() - done + 1
            done = match.end()
            layer._here.append(length)
            layer._there.append(done)
            layer._lengths.append(done - match.start())
        if not pieces:
            return None
        layer.content = b"".join([*pieces, self.content[done:]])
        return layer

    def start(self, at: int) -> int:
        """Return where a byte begins in the original."""
        if self._above is None:
            return at
        index = bisect_right(self._here, at)
        if index < len(self._here) and self._here[index] == at + 1:
            return self._above.start(self._there[index] - self._lengths[index])
        return self._above.start(self._undecoded(index, at))

    def end(self, at: int) -> int:
        """Return where the byte before a place ends in the original."""
        if self._above is None:
            return at
        return self._above.end(self._undecoded(bisect_right(self._here, at), at))

    def _undecoded(self, index: int, at: int) -> int:
        return at if index == 0 else self._there[index - 1] + at - self._here[index - 1]


def _with_whole_escapes(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Widen a range so that it cuts no escape of JSON in two: what is left of one would be no JSON."""
    for at in range(max(0, start - 5), start):
        length = _escape_length(text, at)
        if at + length > start:
            start = at
            break
    for at in range(max(start, end - 5), end):
        end = max(end, at + _escape_length(text, at))
    return start, end


def _escape_length(text: bytes, at: int) -> int:
    """Return the length of the escape of JSON that begins at a place, 0 if none does."""
    if text[at : at + 1] != b"\\":
        return 0
    first = at
    while first > 0 and text[first - 1 : first] == b"\\":
        first -= 1
    if (at - first) % 2:
        return 0
    return 6 if text[at + 1 : at + 2] == b"u" else 2


def _character(match: re.Match[bytes]) -> bytes | None:
    """Return what an escape spells; None for a character that no secret holds."""
    kind = match.lastindex or 0
    found = match[kind]
    if kind == _BACKSLASHES:
        return b"\\"
    if kind == _DECIMAL:
        return _BYTES[int(found)] if 0x20 <= int(found) < 0x7F else None
    return found if len(found) == 1 else _BYTES[int(found, 16)]


def _decode(match: re.Match[bytes]) -> bytes:
    return _character(match) or match[0]


def _plain_forms(secret: str) -> set[bytes]:
    """Return a secret as it may stand in a text without being spelled out: also a UUID without its dashes."""
    forms = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)}
    bare = secret.replace("-", "")
    if len(bare) == 32 and re.fullmatch("[0-9a-fA-F]{32}", bare):
        forms.add(bare)
    return {form.encode("utf-8", "replace") for form in forms} | {_decoded_once(secret.encode("utf-8", "replace"))}


def _decoded_once(secret: bytes) -> bytes:
    """Return a secret that itself looks like a spelling as it looks once decoded."""
    deeper = _Layer(secret).decoded(_ESCAPE)
    return secret if deeper is None or len(deeper.content) < MIN_SECRET_CHARS else deeper.content


def _base64_forms(secret: bytes) -> set[bytes]:
    """Return the part of base64 that depends on the secret alone, at each offset of a text that it stands in."""
    forms = set()
    for offset in range(3):
        before, after = (offset * 8 + 5) // 6, ((offset + len(secret)) * 8) // 6
        padded = bytes(offset) + secret
        padded += bytes(-len(padded) % 3)
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded)[before:after])
    return {form for form in forms if len(form) >= MIN_LONG_CHARS}


def _runs_as_one(form: bytes) -> bytes:
    return _RUNS.sub(rb"\\", form)


#: What a URL may hold beside secrets that are known: a user with a password, and members of its query.
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^\s/@:\"'<>]{0,256}):[^\s/@\"'<>]{1,1024}@")
_URL_QUERY: Final = re.compile(
    r"(?<=[?&])((?:api_?key|token|access_token|key|secret|sig|signature|password)=)[^\s&#\"'<>\\]+", re.IGNORECASE
)


class LastNet:
    """The secrets of the settings of this process, removed from whatever it says about itself (architecture 6.12)."""

    def __init__(self) -> None:
        self._redactor = Redactor()

    def know(self, secrets: Iterable[str]) -> None:
        """Remove these secrets from now on, and no others."""
        self._redactor = Redactor(secrets)

    def clean(self, text: str) -> str:
        """Return a text without known secrets, and without the passwords and keys of any URL in it."""
        shown = self._redactor.redact_text(text)
        if "://" not in shown:
            return shown
        shown = _URL_PASSWORD.sub(rf"\1:{REDACTED.decode()}@", shown)
        return _URL_QUERY.sub(rf"\1{REDACTED.decode()}", shown)


#: The one net of a process.
LAST_NET: Final = LastNet()
