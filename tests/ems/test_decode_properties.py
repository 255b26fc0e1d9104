"""What must hold for any bytes and any message."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.ems.protocol.decode import decode, envelope
from recon.ems.protocol.messages import INBOUND_TYPES, Balances, Decoded, OrderReports
from recon.exact import bounded, plain
from tests.support.wire_messages import balance, encoded, position, report, row_of, server_info, steady

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
messages = st.sampled_from([report(), balance(), position(), server_info()])
types = st.sampled_from(sorted(INBOUND_TYPES)) | st.text()


def numbers_of(decoded: Decoded) -> list[Decimal]:
    message = decoded.message
    rows = getattr(message, "rows", (message,))
    values = [getattr(row, name) for row in rows for name in row.__struct_fields__]
    return [value for value in values if isinstance(value, Decimal)]


@steady
@given(st.binary())
def test_any_bytes_pass(payload: bytes) -> None:
    assert envelope(payload).is_object or decode(payload).findings


@steady
@given(st.data())
def test_any_damage_to_a_message_passes(data: st.DataObject) -> None:
    payload = bytearray(encoded(data.draw(messages)))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    assert all(bounded(value) for value in numbers_of(decode(bytes(payload))))
    envelope(bytes(payload))


@steady
@given(messages, st.data())
def test_any_value_in_any_field_passes_and_no_number_is_beyond_bounds(
    message: dict[str, object], data: st.DataObject
) -> None:
    names = st.sampled_from([*message, "data", "fills", "unrealised_pnl"])
    odd = data.draw(st.dictionaries(names, json_values, max_size=5))
    payload = json.dumps(message | odd, allow_nan=False).encode() if _finite(odd) else b"{}"
    decoded = decode(payload)
    assert all(bounded(value) for value in numbers_of(decoded))
    assert decode(payload) == decoded


def _finite(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return False
    return True


@steady
@given(types, json_values)
def test_any_type_with_any_data_passes(type_: str, data: object) -> None:
    if _finite(data):
        decode(json.dumps({"type": type_, "exchange_id": "KRAKEN", "data": data}).encode())


@steady
@given(numbers, st.booleans())
def test_numbers_are_exact_in_value_and_scale(value: Decimal, as_text: bool) -> None:
    text = f'"{plain(value)}"' if as_text else plain(value)
    payload = encoded(balance(balance=0)).replace(b'"balance":0', b'"balance":' + text.encode())
    message = decode(payload).message
    assert isinstance(message, Balances)
    got = message.rows[0].balance
    assert got is not None
    assert plain(got) == plain(value)


@steady
@given(st.lists(st.sampled_from(["sound", "bad number", "bad text"]), max_size=8))
def test_neighbours_do_not_depend_on_each_other(shapes: list[str]) -> None:
    changes: dict[str, dict[str, object]] = {
        "sound": {},
        "bad number": {"price": "NaN"},
        "bad text": {"side": ["BUY"]},
    }
    rows = [row_of(report(client_order_id=f"c-{n}", **changes[shape])) for n, shape in enumerate(shapes)]
    whole = decode(encoded({"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": "KRAKEN/JOHN", "data": rows}))
    assert isinstance(whole.message, OrderReports)
    assert whole.message.complete
    alone = [decode(encoded(row | {"exchange_id": "KRAKEN/JOHN"})) for row in rows]
    assert whole.message.rows == tuple(
        row for one in alone if isinstance(one.message, OrderReports) for row in one.message.rows
    )
    assert len(whole.findings) == sum(shape != "sound" for shape in shapes)
