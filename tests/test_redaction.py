"""Secrets in texts of others: found in any spelling, replaced exactly, in linear time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ems.credentials import Credentials
from recon.redaction import MAX_LAYERS, MIN_SECRET_CHARS, Redactor
from tests.support.properties import steady

KEY = "9A55567a-b5ff-4b78-b6aa-0d5f7f2b9b11"
ODD = 'sl/ash"quote\\back%41&#50;'

Spelling = Callable[[str], str]


def lower(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def upper(text: str) -> str:
    return "".join(f"\\u{ord(c):04X}" for c in text)


def percent(text: str) -> str:
    return "".join(f"%{ord(c):02x}" for c in text)


SPELLINGS: dict[str, Spelling] = {
    "plain": lambda text: text,
    "json": lambda text: json.dumps(text)[1:-1],
    "json escapes": lower,
    "json escapes in capitals": upper,
    "some json escapes": lambda text: "".join(c if n % 3 else upper(c) for n, c in enumerate(text)),
    "escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "json escapes in json": lambda text: json.dumps(upper(text))[1:-1],
    "url": lambda text: quote(text, safe=""),
    "percent": percent,
    "percent in percent": lambda text: percent(text).replace("%", "%25"),
    "percent in json escapes": lambda text: percent(text).replace("%", "\\u0025"),
    "html": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "html in hexadecimal": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
}
#: Only for long secrets.
OTHER_FORMS: dict[str, Spelling] = {
    "capitals": str.upper,
    "small letters": str.lower,
    "hexadecimal": lambda text: text.encode().hex(),
    "without dashes": lambda text: text.replace("-", ""),
    "base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("secret", [KEY, ODD, "abc-12"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_replaced_in_each_spelling_and_nothing_else(spelling: str, secret: str) -> None:
    spelled = SPELLINGS[spelling](secret)
    assert Redactor([secret]).redact_text(f"<é {spelled}|{spelled} %C3%A9>") == "<é [redacted]|[redacted] %C3%A9>"


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_a_long_secret_is_replaced_in_other_forms_too(form: str) -> None:
    spelled = OTHER_FORMS[form](KEY)
    assert Redactor([KEY]).redact_text(f"<{spelled}>") == "<[redacted]>"


@pytest.mark.parametrize("before", ["", "u:", "u2:", "user:", "Bearer "])
def test_a_secret_within_base64_is_replaced_at_any_offset(before: str) -> None:
    told = base64.b64encode(f"{before}{KEY}: and more".encode()).decode()
    shown = Redactor([KEY]).redact_text(told)
    assert "[redacted]" in shown
    for left in shown.split("[redacted]"):
        assert KEY[2:-2] not in base64.b64decode(left[: len(left) // 4 * 4]).decode("latin-1")


def test_a_short_secret_is_not_mistaken_for_another_word() -> None:
    redactor = Redactor(["kraken", "", None, "short"])
    assert redactor.redact_text("KRAKEN kraken short") == "KRAKEN [redacted] short"
    assert MIN_SECRET_CHARS == 6
    assert "kraken" not in repr(redactor)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_frame_with_an_echo_stays_json_and_keeps_all_else_byte_for_byte(spelling: str) -> None:
    spelled = SPELLINGS[spelling](KEY)
    inside = spelled if spelling != "json in json" else json.dumps(KEY)[1:-1]
    before, after = b'{ "type":"MESSAGE_REJECT","m":"\\u00e9\\\\ \\/ %20 ', b' \\"x\\" ","n":1.50}'
    payload = before + inside.encode() + after
    clean, redacted = Credentials("header", KEY).redact(payload)
    assert (clean, redacted) == (before + b"[redacted]" + after, True)
    assert json.loads(clean)["type"] == "MESSAGE_REJECT"
    assert Credentials("header", KEY).redact(before + after) == (before + after, False)


SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=6, max_size=40)
PIECES = st.sampled_from(["\\", "\\\\", "%", "%25", "&#", ";", '"', "/", "\\u", "u0041", "0", "é", "[redacted]"])


@steady(300)
@given(SECRETS, st.lists(PIECES, max_size=6).map("".join), st.data())
def test_whatever_the_secret_and_its_surroundings_no_json_of_it_is_left(
    secret: str, around: str, data: st.DataObject
) -> None:
    escaped = "".join(data.draw(st.sampled_from([json.dumps(c)[1:-1], lower(c), upper(c)])) for c in secret)
    payload = f'{{"a":{json.dumps(around)},"b":"{escaped}","c":{json.dumps(around)}}}'.encode()
    clean = Redactor([secret]).redact(payload)
    document = json.loads(clean)
    assert secret not in document["b"]
    if secret not in around:
        assert (document["a"], document["b"], document["c"]) == (around, "[redacted]", around)


@pytest.mark.parametrize("text", ["\\" * 2_000_000, "%25" * 400_000, "\\u0032" * 300_000, "&#0" + "0" * 2_000_000])
def test_a_large_text_of_nothing_but_escapes_is_read_in_linear_time(text: str) -> None:
    redactor = Redactor([KEY])
    assert redactor.redact_text(text) == text
    assert redactor.redact_text(text + percent(KEY)).endswith("[redacted]")


def test_a_text_without_a_secret_is_the_same_object() -> None:
    frame = b'{"type":"BALANCE_UPDATE","data":"\\\\u00e9 %20"}'
    assert Redactor([KEY]).redact(frame) is frame
    assert MAX_LAYERS == 3
