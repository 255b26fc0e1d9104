"""What libraries say of values that do not fit reaches nobody in their words."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, get_args

import msgspec
import pytest
from msgspec import Meta
from pydantic_core import core_schema

from recon.library_words import DOES_NOT_FIT, in_our_words, setting_problem, toml_problem

#: Phrases of pydantic, msgspec, typer and Python that mean nothing to a person.
LIBRARY = re.compile(
    r"Input should|Value error|Assertion failed|should have|Extra inputs|valid (string|integer|list|dictionary)|"
    r"Expected `|`\$|Object (missing|contains)|Invalid (value|enum|RFC)|regex|malformed|Errno|<[a-z]|object keys"
)


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    whole: int
    text: Annotated[str, Meta(min_length=2, max_length=3, pattern="^a")] = "ab"
    at: Annotated[datetime, Meta(tz=True)] | None = None
    many: Annotated[list[int], Meta(max_length=1)] = []
    word: Literal["q", "r"] = "q"
    bound: Annotated[int, Meta(ge=0, le=5)] = 0
    amount: Decimal | None = None
    raw: bytes = b""


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_no_type_of_error_of_the_settings_is_told_in_pydantics_words(kind: str) -> None:
    if kind in {"value_error", "assertion_error"}:
        assert setting_problem(kind, "Value error, must be even") == "must be even"
        return
    context = dict.fromkeys(("min_length", "max_length", "gt", "ge", "lt", "le", "multiple_of"), 3)
    for told in (setting_problem(kind, "Input should be x", context), setting_problem(kind, "Input should be x")):
        assert told
        assert not LIBRARY.search(told)
        assert "{" not in told


def test_a_word_that_is_none_of_a_list_is_told_the_list_and_the_nearest() -> None:
    context = {"expected": "'linear', 'inverse' or 'premium'"}
    assert setting_problem("literal_error", "", context, "inverze") == (
        "must be linear, inverse or premium; did you mean inverse?"
    )
    assert setting_problem("literal_error", "", context, 5) == "must be linear, inverse or premium"
    assert setting_problem("literal_error", "") == DOES_NOT_FIT


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{}", "whole must be given"),
        ('{"whole": "s"}', "whole must be a whole number"),
        ('{"whole": 1, "what": 2}', "what unknown key"),
        ('{"whole": 1, "text": "a"}', "text must have at least 2 characters"),
        ('{"whole": 1, "text": "abcd"}', "text must have at most 3 characters"),
        ('{"whole": 1, "text": "ba"}', "text does not fit: it must be text of the form that is asked for"),
        ('{"whole": 1, "at": "noon"}', "at must be a time, as 2026-01-05T09:00:00Z"),
        ('{"whole": 1, "at": "2020-01-01T00:00:00"}', "at must be a time with its zone, as 2026-01-05T09:00:00Z"),
        ('{"whole": 1, "at": 5}', "at must be a time or null"),
        ('{"whole": 1, "many": [1, 2]}', "many must have at most 1 entries"),
        ('{"whole": 1, "many": ["x"]}', "many[0] must be a whole number"),
        ('{"whole": 1, "word": "z"}', "word is none of the words that fit here"),
        ('{"whole": 1, "bound": 9}', "bound must be at most 5"),
        ('{"whole": 1, "amount": "x"}', "amount must be a number"),
        ('{"whole": 1, "raw": "*"}', "raw must be base64"),
        ("5", "it must be an object"),
        ("{", "not valid JSON: it ends too early"),
        ("{a", "not valid JSON at byte 1"),
    ],
)
def test_what_msgspec_says_of_a_document_is_said_in_words(document: str, told: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(document, type=Shape)
    assert in_our_words(f"x: {caught.value}") == f"x: {told}"
    assert not LIBRARY.search(in_our_words(str(caught.value)))


def test_other_texts_stay_as_they_are() -> None:
    for text in ("no break id starts with 'zz'", "expected 5, got 6", "the object `x` is gone"):
        assert in_our_words(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a", "not valid TOML at its end: a key needs = and a value"),
        ("a = b", "not valid TOML at line 1, column 5: this is no value: text stands in quotes"),
        ("[a\n", "not valid TOML at line 1, column 3: a ] is missing"),
        ('a = "x', "not valid TOML at its end: a quote is missing"),
        ("a = 1\na = 2\n", "not valid TOML at line 2, column 6: this key stands twice"),
        ("[a]\n[a]\n", "not valid TOML at line 2, column 3: this table stands twice"),
        ("a = 1 2\n", "not valid TOML at line 1, column 7: something stands behind the value"),
        ("a = {b = 1", "not valid TOML"),
    ],
)
def test_a_slip_in_toml_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert toml_problem(str(caught.value)).startswith(told)
