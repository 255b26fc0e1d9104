"""Whoever sees badly reads the page: the colours of the sheet, measured by WCAG's formula."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recon.web import static_files

SHEET = (Path(static_files.__file__).parent / "static" / "style.css").read_text(encoding="utf-8")
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", SHEET)
}
TEXTS = ("text", "muted", "accent", "bad", "wait", "good", "stale")
GROUNDS = ("page", "surface", "sunken")
SOFT = {"accent": "accent-soft", "bad": "bad-soft", "wait": "wait-soft", "good": "good-soft", "stale": "stale-soft"}
#: What is no text, but must be seen: borders of fields, the ring of the focus, shapes.
SHAPES = ("line-strong", "focus", "accent", "bad", "wait", "good", "stale")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_that_of_wcag() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_sheet_has_the_tokens() -> None:
    assert set(TEXTS) | set(GROUNDS) | set(SHAPES) | set(SOFT.values()) <= set(TOKENS)


def too_low(pairs: list[tuple[str, str]], scheme: int, least: float) -> list[tuple[str, str]]:
    return [(front, ground) for front, ground in pairs if ratio(TOKENS[front][scheme], TOKENS[ground][scheme]) < least]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_are_readable_on_every_ground(scheme: int) -> None:
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
    pairs += [*SOFT.items(), *(("text", ground) for ground in SOFT.values()), ("on-accent", "accent")]
    assert too_low(pairs, scheme, 4.5) == []


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_borders_and_shapes_are_seen(scheme: int) -> None:
    pairs = [(shape, ground) for shape in SHAPES for ground in GROUNDS]
    # Fields lie on the surface or the page, never on sunken ground.
    assert too_low([pair for pair in pairs if pair != ("line-strong", "sunken")], scheme, 3.0) == []


def test_a_colour_is_a_token_and_no_number_elsewhere() -> None:
    rest = re.sub(r"/\*.*?\*/", "", SHEET.partition(":root[data-theme")[2], flags=re.DOTALL)
    lines = [line for line in rest.splitlines() if not line.startswith(("@media (prefers-contrast", "@media print"))]
    assert re.findall(r": [^;{]*#[0-9a-fA-F]{3,8}\b", "\n".join(lines)) == []
