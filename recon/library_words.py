"""What libraries say of values that do not fit, in our words. Pure.

1. A message names the key and what fits there, never the value: it might be a secret.
2. What a library says and this module does not know becomes "does not fit here", so that its own words reach nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from recon.nearest import did_you_mean, listed

#: What is said where nothing better is known.
DOES_NOT_FIT: Final = "does not fit here"

_NUMBER: Final = "must be a number"
_WHOLE: Final = "must be a whole number"
_LIST: Final = "must be a list"
_TABLE: Final = "must be a table"
_TIME: Final = "must be a time, such as 2026-01-05T09:00:00Z"
_ZONED: Final = "must be a time with its zone, such as 2026-01-05T09:00:00Z"
#: By the type of a pydantic error; a field in braces is one of its context.
_PROBLEMS: Final[Mapping[str, str]] = {
    "missing": "must be given",
    "extra_forbidden": "unknown key",
    "string_type": "must be text, in quotes",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be the name of a file",
    **dict.fromkeys(("timezone_aware", "timezone_offset"), _ZONED),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"), _TIME
    ),
    "string_pattern_mismatch": "holds a character that does not fit here",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), _TABLE),
}
#: Texts of our own, which a validator raised.
_OURS: Final = ("value_error", "assertion_error")
_PREFIX: Final = re.compile(r"^(?:Value error|Assertion failed), ")
_QUOTED: Final = re.compile(r"'([^']*)'")


def setting_problem(kind: str, message: str, context: Mapping[str, object] | None = None, value: object = None) -> str:
    """Return what is wrong with a setting, by pydantic's type of error, message and context.

    The value is compared with the words that are allowed, and never shown.
    """
    if kind in _OURS:
        return _PREFIX.sub("", message)
    if kind == "literal_error":
        words = _QUOTED.findall(str((context or {}).get("expected", "")))
        meant = did_you_mean(value, words) if isinstance(value, str) else ""
        return f"must be {listed(words, 'or')}{meant}" if words else DOES_NOT_FIT
    try:
        return _PROBLEMS.get(kind, DOES_NOT_FIT).format_map(context or {})
    except KeyError:
        return DOES_NOT_FIT


_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "bytes": "bytes",
    "datetime": "a time",
}
_AT: Final = r"(?: - at `(?:key in )?\$\.?(?P<at>[^`]*)`)?"
_EXPECTED: Final = re.compile(
    r"Expected `(?P<type>[^`]+)`(?:, got `(?P<got>[^`]+)`| of length (?P<length>[<>=]* ?\d+)| matching regex '.*?'"
    rf"| (?P<bound>[<>]=? -?[\d.]+)|(?P<zone> with(?:out)? a timezone component))?{_AT}"
)
_OTHERS: Final = (
    (re.compile(rf"Object missing required field `(?P<field>[^`]+)`{_AT}"), "must be given"),
    (re.compile(rf"Object contains unknown field `(?P<field>[^`]+)`{_AT}"), "unknown key"),
    (re.compile(rf"Invalid (?:enum )?value (?:'[^']*'|\S+){_AT}"), "is none of the words that fit here"),
    (re.compile(rf"Invalid RFC3339 encoded (?:datetime|date|time){_AT}"), "must be a time, as 2026-01-05T09:00:00Z"),
    (re.compile(rf"Invalid decimal string{_AT}"), _NUMBER),
    (re.compile(rf"Invalid base64 encoded string{_AT}"), "must be base64"),
    (re.compile(rf"Number out of range{_AT}"), "is beyond the numbers that are taken"),
)
_MALFORMED: Final = re.compile(r"JSON is malformed: .*?\(byte (?P<byte>\d+)\)")
_TRUNCATED: Final = "Input data was truncated"
_SIGNS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def in_our_words(text: str) -> str:
    """Return a text in which what msgspec said of a document is said in our words; other texts stay as they are."""
    text = _MALFORMED.sub(lambda found: f"not valid JSON at byte {found['byte']}", text)
    text = text.replace(_TRUNCATED, "not valid JSON: it ends too early")
    for pattern, words in _OTHERS:
        text = pattern.sub(lambda found, words=words: f"{_place(found)} {words}", text)  # type: ignore[misc]
    return _EXPECTED.sub(lambda found: f"{_place(found)} {_expected(found)}", text)


def _place(found: re.Match[str]) -> str:
    """Return the key of a document that a problem is about."""
    parts = [part for part in (found["at"], found.groupdict().get("field")) if part]
    return ".".join(parts) or "it"


def _expected(found: re.Match[str]) -> str:
    kinds = [_TYPES.get(kind.strip(), "a value of another kind") for kind in found["type"].split("|")]
    kind = listed(list(dict.fromkeys(kinds)), "or")
    if found["length"]:
        sign, _, number = found["length"].rpartition(" ")
        return f"must have {_SIGNS.get(sign, 'exactly')} {number} {'entries' if 'list' in kind else 'characters'}"
    if found["bound"]:
        sign, _, number = found["bound"].partition(" ")
        return f"must be {_SIGNS[sign]} {number}"
    if found["zone"]:
        return "must be a time with its zone, as 2026-01-05T09:00:00Z"
    return f"must be {kind}" if found["got"] else f"does not fit: it must be {kind} of the form that is asked for"


_TOML_PLACE: Final = re.compile(r"\(at (?:(?P<end>end of document)|line (?P<line>\d+), column (?P<column>\d+))\)")
#: What tomllib says begins so.
_TOML: Final = (
    ("Expected '=' after a key", "a key needs = and a value"),
    ("Invalid value", "this is no value: text stands in quotes"),
    ("Invalid statement", "this is neither a key nor a [table]"),
    ("Invalid initial character for a key", "a key with other characters than letters, digits, - and _ needs quotes"),
    ("Expected ']' at the end of a table declaration", "a ] is missing"),
    ("Expected newline or end of document", "something stands behind the value"),
    ("Unclosed array", "a ] is missing"),
    ("Unclosed inline table", "a } is missing"),
    ("Unterminated string", "a quote is missing"),
    ("Illegal character", "a character is not allowed here"),
    ("Cannot declare", "this table stands twice"),
    ("Cannot overwrite a value", "this key stands twice"),
    ("Cannot redefine namespace", "this table stands twice"),
    ("Duplicate inline table key", "this key stands twice"),
    ("Cannot mutate immutable namespace", "this table is complete already"),
)


def toml_problem(message: str) -> str:
    """Return what is wrong with a file that is no TOML, by tomllib's message: the place, and why where it is known."""
    place = _TOML_PLACE.search(message)
    why = next((words for start, words in _TOML if message.startswith(start)), "")
    where = ""
    if place is not None:
        where = " at its end" if place["end"] else f" at line {place['line']}, column {place['column']}"
    return f"not valid TOML{where}{f': {why}' if why else ''}"
