"""`recon docs`: what is listed, how a document is shown, and a topic that is none."""

from __future__ import annotations

import pytest

from recon.cli.commands.docs import read_documents
from tests.cli.conftest import Recon

TOPICS = (
    "accuracy", "alerts", "analyst", "architecture", "benchmarks", "cases", "comparison", "operator", "production",
    "protocol", "semantics",
)  # fmt: skip


def test_without_a_topic_every_document_is_listed_with_a_line_of_its_own(recon: Recon) -> None:
    shown = recon("docs")
    assert shown.status == 0
    lines = shown.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(TOPICS)
    assert all(len(line.split()) > 3 for line in lines[1:]), "each says what it is about"


@pytest.mark.parametrize("topic", TOPICS)
def test_a_document_is_rendered_for_a_terminal_within_its_width(recon: Recon, topic: str) -> None:
    shown = recon("docs", topic)
    assert shown.status == 0
    assert "**" not in shown.out, "emphasis is rendered"
    code = _code_of(read_documents()[topic])
    lines = [line.strip() for line in shown.out.splitlines()]
    assert [line for line in code if line not in lines] == [], "code can be pasted as it is shown"
    assert [line for line in lines if len(line) > 80 and line not in code] == []


def _code_of(text: str) -> list[str]:
    """Return the lines of all code in a document."""
    blocks = text.split("```")[1::2]
    return [line.strip() for block in blocks for line in block.split("\n")[1:] if line.strip()]


@pytest.mark.parametrize("topic", TOPICS)
def test_raw_is_the_file(recon: Recon, topic: str) -> None:
    assert recon("docs", topic, "--raw").out == read_documents()[topic]


def test_an_unknown_topic_names_the_nearest_or_those_that_there_are(recon: Recon) -> None:
    near, far = recon("docs", "sematics"), recon("docs", "zzz")
    for wrong in (near, far):
        assert (wrong.status, wrong.out) == (2, "")
    assert "'sematics'; did you mean semantics?" in near.err
    for topic in TOPICS:
        assert topic in far.err
