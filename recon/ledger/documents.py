"""Reading what people and settings give: rules, decisions and facts, within bounds. Pure (protocol 15).

1. Whatever is wrong with a document, reading raises one kind of error, DocumentRefused, whose text is the problem.
2. The database refuses the same at the door (`check_payload`); what an older log holds becomes a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, TypeVar

import msgspec

from recon.ems.protocol.bounds import MAX_ID_CHARS, MAX_TEXT_CHARS
from recon.ems.protocol.timestamps import FIRST_YEAR, LAST_YEAR
from recon.errors import DocumentRefused
from recon.exact import bounded
from recon.log.events import payload_reader

#: Most bytes of a document.
MAX_DOCUMENT_BYTES: Final = 1 << 20
#: Most characters of a problem that is reported.
MAX_PROBLEM_CHARS: Final = 300
#: Largest whole number, either way; more than any count or any microseconds.
MAX_WHOLE: Final = 1 << 62

#: An identifier: of an account, an asset, a symbol, an order of a statement.
Identifier = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARS)]

Document = TypeVar("Document")


def reader(of: type[Document]) -> Callable[[bytes], Document]:
    """Return a function that decodes a payload and checks every value in it. It raises DocumentRefused."""
    decode = payload_reader(of)

    def read(payload: bytes) -> Document:
        if len(payload) > MAX_DOCUMENT_BYTES:
            raise DocumentRefused(f"it has {len(payload)} bytes; at most {MAX_DOCUMENT_BYTES} are taken")
        try:
            document = decode(payload)
        except (msgspec.DecodeError, ArithmeticError) as error:
            raise DocumentRefused(str(error)[:MAX_PROBLEM_CHARS]) from None
        for name, value in _values(document, ""):
            problem = _problem(value)
            if problem is not None:
                raise DocumentRefused(f"{name} {problem}")
        return document

    return read


def _values(value: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield every single value of a document with the name of its field; the types bound the depth."""
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _values(getattr(value, field), field)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield name, key
            yield from _values(part, name)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _values(part, name)
    else:
        yield name, value


def _problem(value: object) -> str | None:
    """Return why the ledger cannot take a value, None if it can."""
    if isinstance(value, Decimal):
        return None if bounded(value) else "is not a number within bounds"
    if isinstance(value, int):
        return None if abs(value) <= MAX_WHOLE else "is not a number within bounds"
    if isinstance(value, datetime):
        within = FIRST_YEAR < value.year < LAST_YEAR
        return None if within else f"is not a time after {FIRST_YEAR} and before {LAST_YEAR}"
    if isinstance(value, str):
        if "\0" in value:
            return "holds U+0000, which no database takes"
        if len(value) > MAX_TEXT_CHARS:
            return f"has {len(value)} characters; at most {MAX_TEXT_CHARS} are taken"
    return None
