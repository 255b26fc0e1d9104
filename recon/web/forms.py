"""Forms as browsers send them: small, of text, and with the secret that the page put into them. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from recon.display.words import is_blank
from recon.errors import DocumentRefused

#: Largest form, in bytes, most fields, and longest value, in characters.
MAX_FORM: Final = 64 * 1024
MAX_FIELDS: Final = 100
MAX_VALUE: Final = 8_000
#: The field that holds the secret.
CSRF: Final = "csrf"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

#: The fields of a form; of several with one name the last one counts.
Form: TypeAlias = Mapping[str, str]


def form_of(body: bytes) -> Form:
    """Return the fields of a form. Errors: DocumentRefused."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
            strict_parsing=True,
        )
    except ValueError:
        # The library's words may repeat what was sent.
        raise DocumentRefused("the form cannot be read") from None
    form = {name: value.replace("\r\n", "\n") for name, value in pairs}
    for name, value in form.items():
        if len(value) > MAX_VALUE:
            raise DocumentRefused(f"{name[:40]!r} is longer than {MAX_VALUE} characters")
        if "\0" in value:
            raise DocumentRefused(f"{name[:40]!r} holds a character that no text has")
    return form


def check_secret(form: Form, secret: str) -> None:
    """Refuse a form that does not hold the secret of the page that it must come from. Errors: DocumentRefused."""
    if not secret or not hmac.compare_digest(form.get(CSRF, "").encode(), secret.encode()):
        raise DocumentRefused("Nothing was written: the form is not of this session. Open the screen again")


def field(form: Form, name: str, what: str) -> str:
    """Return a field that must be filled in, without spaces around it. Errors: DocumentRefused: `what` is missing."""
    value = optional(form, name)
    if value is None:
        raise DocumentRefused(f"Nothing was written: {what} is missing")
    return value


def optional(form: Form, name: str) -> str | None:
    """Return a field, None where it is blank or not there."""
    value = form.get(name, "").strip()
    return None if is_blank(value) else value
