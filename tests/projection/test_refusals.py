"""Refusals of events are read from the log whatever it holds, and written whatever their reason quotes."""

from __future__ import annotations

import pytest

from recon.projection.refusals import MAX_REASON, Refusal, Refusals, encode_refusal


def learned(payload: bytes) -> Refusal | None:
    refusals = Refusals(6)
    refusals.learn([(9, payload)])
    assert refusals.seen_seq == 9
    return refusals.of(3)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b'{"seq":3,"fold_version":6,"reason":"\xff"}', b'{"reason":' + b'{"a":' * 5000 + b"1" + b"}" * 5001],
)
def test_a_refusal_that_cannot_be_read_is_left_out(payload: bytes) -> None:
    assert learned(payload) is None


def test_a_reason_is_text_that_a_table_can_hold() -> None:
    foreign = learned(b'{"seq":3,"fold_version":6,"reason":"a\\u0000b' + b"x" * 5000 + b'"}')
    assert foreign is not None
    assert foreign.reason.startswith("abx")
    assert len(foreign.reason) <= MAX_REASON
    own = learned(encode_refusal(Refusal(3, 6, "a\0b\ud800")))
    assert own == Refusal(3, 6, "ab?")
