"""The grammar of hostile values: what kind each field has, and what a hostile writer puts in its place.

Values are raw JSON, because no encoder of ours would write most of them. All are bytes, and a few are no JSON at all.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import msgspec

#: Accounts that hostile messages name; the second has a tag, and the third is a spelling of the second.
ACCOUNTS: Final = ("EVIL", "KRAKEN/EVIL", "kraken/evil")
#: The account that no hostile message ever names.
CALM: Final = "CALM/1"
#: Sizes of long texts, in characters: beyond an index row of Postgres, and far beyond.
LONG_CHARS: Final = (190, 1000, 3000, 9000)
HUGE_CHARS: Final = 100_000
#: Nesting of deep values: within msgspec's bound, around it, and far beyond.
DEPTHS: Final = (8, 65, 900, 5000)

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def text(value: str) -> bytes:
    """Return a JSON string."""
    return msgspec.json.encode(value)


def _noise(seed: int, chars: int, letters: str = _LETTERS) -> str:
    """Return text that does not compress."""
    return "".join(random.Random(seed).choices(letters, k=chars))


#: Letters of three bytes each in UTF-8.
_WIDE: Final = "".join(chr(0x4E00 + each) for each in range(4000))
#: The first two differ only at their end, so a prefix is not enough to tell them apart.
LONG: Final = (
    text(_noise(1, 3000) + "a"),
    text(_noise(1, 3000) + "b"),
    *(text(_noise(chars, chars)) for chars in LONG_CHARS),
    text(_noise(3, 2700, _WIDE)),
    text("x" * 3000),
    text("💶" * 2000),
)
HUGE: Final = (text(_noise(2, HUGE_CHARS)), b"9" * HUGE_CHARS, text("7" * HUGE_CHARS))
#: Texts that Postgres or UTF-8 cannot hold, or that look like another text.
STRANGE: Final = (
    *(b'""', b'" "', b'"\\u0000"', b'"a\\u0000b"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"'),
    *(b'"\\u0041"', b'"A\\/B"', b'"\\\\"', b'"\\""', b'"\\u202e"', b'"\xe2\x80\x8b"', b'"e\xcc\x81"', b'"\xc3\xa9"'),
    *(
        b'"null"',
        b'"NULL"',
        b'"None"',
        b'"c:"',
        b'"x:"',
        b'"c:2"',
        b'"a#2"',
        b'"a\\u001fb"',
        b'"\'; --"',
        b'"%s"',
        b'"{0}"',
    ),
    *(b'"told:1"', b'"__proto__"', b'"[]"', b'"{}"', b'"[\\"NEW\\"]"'),
)
NUMBERS: Final = (
    *(
        b"0",
        b"-0",
        b"0.0",
        b"-0.0",
        b"1",
        b"-1",
        b"0.1",
        b"1.50",
        b"1.5",
        b"2",
        b"10",
        b"100",
        b"1e2",
        b"1E+2",
        b"1e-8",
    ),
    *(
        b"1e40",
        b"1e-40",
        b"1e41",
        b"1e-41",
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"1e999990",
        b"1e-999990",
        b"1e99999999999999999999",
    ),
    *(b"9" * 80, b"9" * 81, b"0." + b"9" * 80, b"-" + b"9" * 80, b"9" * 5000, b"9" * 40 + b"." + b"1" * 40),
    *(b"0.1000000000000000055511151231257827", b"1e-324", b"5e-324", b"1.7976931348623157e308", b"9007199254740993"),
    *(
        b'"1.5"',
        b'"1e5"',
        b'"-0"',
        b'" 1"',
        b'"1 "',
        b'"1_000"',
        b'"1,5"',
        b'"0x10"',
        b'"NaN"',
        b'"sNaN"',
        b'"Infinity"',
    ),
    *(b'"-Infinity"', b'"\xd9\xa1\xd9\xa2"', b'"\xef\xbc\x91"', b'"1e999999"', b'"' + b"1" * 4500 + b'"', b'""'),
)
TIMES: Final = (
    *(b'"2026-01-05T09:00:00.1234567Z"', b'"2026-01-05T09:00:01.0000000Z"', b'"2026-01-05"', b'"2026-01-05T09:00:00"'),
    *(b'"0001-01-01T00:00:00.0000000Z"', b'"0001-01-01T00:00:00+14:00"', b'"9999-12-31T23:59:59.9999999Z"'),
    *(b'"9999-12-31T23:59:59-14:00"', b'"0002-01-01T00:00:00Z"', b'"2026-02-30T00:00:00Z"', b'"2026-01-05T24:00:00Z"'),
    *(b'"2026-01-05T09:00:60Z"', b'"99999-01-01T00:00:00Z"', b'"-0001-01-01T00:00:00Z"', b'"2026-01-05T09:00:00.Z"'),
    *(
        b'"2026-01-05T09:00:00+99:99"',
        b'"2026-W01-1"',
        b'"20260105"',
        b'"1969-12-31T23:59:59Z"',
        b"0",
        b"1767603600000000",
    ),
    *(
        b'"\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa6-01-05T09:00:00Z"',
        b'"2026-01-05T09:00:00.' + b"1" * 400 + b'Z"',
        b'"FILLED"',
    ),
)
_PAIR: Final = b'["NEW","2026-01-05T09:00:00.0000001Z"]'
HISTORIES: Final = (
    *(b"[]", b"[[]]", b"[[[]]]", b"[" + _PAIR + b"]", b"[" + b",".join([_PAIR] * 300) + b"]", b'["NEW"]', b'[["NEW"]]'),
    *(
        b'[["NEW",null]]',
        b'[[null,"2026-01-05T09:00:00Z"]]',
        b'["2026-01-05T09:00:00Z"]',
        b'[{"status":"NEW","time":1}]',
    ),
    *(
        b'[["FILLED","2026-01-05T09:00:09Z"],["NEW","2026-01-05T09:00:01Z"]]',
        b'"[[\\"NEW\\",\\"2026-01-05T09:00:00Z\\"]]"',
    ),
    *(b'[["NEW","0001-01-01T00:00:00Z"]]', b'[["NEW","9999-12-31T23:59:59.9999999Z"]]', b'"["', b"[" + LONG[0] + b"]"),
    *(b'[["FILLED","2026-01-05T09:00:09Z","x"]]', b"[[" + LONG[1] + b',"2026-01-05T09:00:00Z"]]', b'{"status":"NEW"}'),
)
FILLS: Final = (
    *(b"[]", b"[{}]", b"[null]", b"[[]]", b'[{"time":null,"price":null,"amount":null}]', b'"[]"', b"{}"),
    *(
        b'[{"time":"2026-01-05T09:00:00Z","price":100,"amount":1}]',
        b'[{"price":-1,"amount":-1}]',
        b'[{"price":0,"amount":0}]',
    ),
    *(
        b'[{"time":"9999-12-31T23:59:59Z","price":1e40,"amount":1e40}]',
        b'[{"price":1e-40,"amount":1e-40,"time":"0001-"}]',
    ),
    *(
        b"[" + b",".join([b'{"time":"2026-01-05T09:00:00Z","price":100,"amount":0.01}'] * 200) + b"]",
        b'[{"price":"NaN","amount":"1e99"}]',
    ),
    b'[{"price":' + b"9" * 80 + b',"amount":0.' + b"9" * 80 + b"}]",
)
ENUMS: Final = (
    *(
        b'"BUY"',
        b'"SELL"',
        b'"buy"',
        b'"SHORT"',
        b'"LONG"',
        b'"FILLED"',
        b'"CANCELED"',
        b'"REJECTED"',
        b'"NEW"',
        b'"ROUTED"',
    ),
    *(
        b'"RECEIVED"',
        b'"PARTIALLY_FILLED"',
        b'"PENDING_CANCEL"',
        b'"EXPIRED"',
        b'"MARKET"',
        b'"EXCHANGE"',
        b'"BALANCE_MANAGER"',
    ),
    *(
        b'"INITIALIZATION"',
        b'"LIMIT"',
        b'"MAKER_OR_CANCEL"',
        b'["MAKER_OR_CANCEL"]',
        b"1",
        b"2",
        b"true",
        b"false",
        b'"true"',
    ),
)
#: A small pool, so that the identities of orders collide: client ids, ids of the exchange, and both at once.
IDS: Final = (
    b'"a"',
    b'"b"',
    b'"a"',
    b'"1"',
    b"1",
    b"1.0",
    b'"1.0"',
    b'"A"',
    b'"a "',
    b"null",
    b'""',
    LONG[0],
    LONG[1],
    b"-1",
)
ASSETS: Final = (
    b'"BTC"',
    b'"USDT"',
    b'"XXBT"',
    b'"btc"',
    b'"ETH"',
    b'"BTC "',
    b"1",
    b'""',
    b"null",
    LONG[0],
    LONG[1],
    b'"PERP"',
)
SYMBOLS: Final = (
    *(
        b'"BTCUSDT"',
        b'"BTC-USDT"',
        b'"btcusdt"',
        b'"ETHUSDT"',
        b'"BTCUSDT-PERP"',
        b"null",
        b'""',
        b"17",
        LONG[0],
        LONG[1],
    ),
    *(
        b'"EVIL_SPOT_BTC_USDT"',
        b'"EVIL_PERP_BTC_USDT"',
        b'"EVIL_FTS_BTC_USD_260327"',
        b'"EVIL_OPT_BTC_USD_260327_50000_C"',
    ),
    *(
        b'"EVIL_SPOT__"',
        b'"_SPOT_BTC_USDT"',
        b'"EVIL_SPOT_A_B_C_D"',
        b'"EVIL_FTS_BTC_USD_999999"',
        b'"EVIL_PERP_PERP_PERP"',
    ),
)
ACCOUNT_NAMES: Final = (
    *(text(name) for name in ACCOUNTS),
    b'""',
    b"null",
    b"7",
    b'"a\\u0000"',
    LONG[2],
    LONG[0],
    b'" EVIL"',
)
DEEP: Final = tuple(
    part for depth in DEPTHS for part in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth)
)
#: Values of another shape than any field has.
ANY: Final = (b"null", b"true", b"false", b"{}", b"[]", b"[[]]", b'{"a":1}', b"[1,2]", b'{"":""}', b'{"a":1,"a":2}')
#: What is no JSON, and spoils the whole message.
BROKEN: Final = (
    *(b"NaN", b"Infinity", b"-", b"01", b"1.", b".5", b"+1", b"1e", b"0x10", b"nul", b"", b"{", b"'a'"),
    *(b'"\xff\xfe"', b'"\n"', b'"', b'"\\u12"', b'"\\x41"', b"[1,]", b"/**/1"),
)
RAW: Final = (b"null", b"{}", b'"text"', b'{"a":{"b":[1,2,{"c":null}]}}', *DEEP[:4])

#: The values of each kind of field.
POOLS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "number": NUMBERS,
    "time": TIMES,
    "history": HISTORIES,
    "fills": FILLS,
    "enum": ENUMS,
    "id": IDS,
    "asset": ASSETS,
    "symbol": SYMBOLS,
    "account": ACCOUNT_NAMES,
    "text": (*STRANGE, *LONG[:3]),
    "raw": RAW,
}
#: What any field may get, by how often: strange texts, other shapes, long texts, deep values.
ANYTHING: Final = ((STRANGE, 30), (ANY, 30), (NUMBERS, 20), (LONG, 12), (DEEP, 6), (BROKEN, 3), (HUGE, 1))

#: The kind of each field of the protocol; others are texts.
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("exchange_id", "exchangeId", "account", "counter_account"), "account"),
    **dict.fromkeys(
        ("client_order_id", "exchange_order_id", "clientOrderId", "exchangeOrderId", "id", "order_id"), "id"
    ),
    **dict.fromkeys(("asset_id_exchange", "asset_id_coinapi", "unit", "fee_asset"), "asset"),
    **dict.fromkeys(
        ("asset_id_base_exchange", "asset_id_quote_exchange", "asset_id_base_coinapi", "asset_id_quote_coinapi"),
        "asset",
    ),
    **dict.fromkeys(
        ("symbol_id_exchange", "symbol_id_coinapi", "symbolIdExchange", "symbolIdCoinapi", "symbol"), "symbol"
    ),
    **dict.fromkeys(
        ("amount_order", "amount_open", "amount_filled", "price", "avg_px", "balance", "available", "locked"), "number"
    ),
    **dict.fromkeys(
        ("rate_usd", "quantity", "avg_entry_price", "unrealized_pnl", "unrealised_pnl", "liquidation_price"), "number"
    ),
    **dict.fromkeys(("leverage", "price_precision", "size_precision", "traded", "amount", "cash", "fee"), "number"),
    **dict.fromkeys(
        ("amountOrder", "amountOpen", "amountFilled", "avgPx", "fillsPrice", "fillsAmount", "entry", "from_seq"),
        "number",
    ),
    **dict.fromkeys(("took_us", "attempts", "from_us", "until_us", "last_us", "lag_us", "count"), "number"),
    **dict.fromkeys(
        ("time", "time_server_start", "expire_time", "createdTime", "occurred_at", "until", "fillsTime"), "time"
    ),
    **dict.fromkeys(("status_history", "statusHistoryTime", "statusHistoryStatus"), "history"),
    **dict.fromkeys(("side", "status", "order_type", "time_in_force", "exec_inst", "last_updated_by"), "enum"),
    **dict.fromkeys(("is_running", "cross_margin", "fact", "action", "outcome", "what", "unit_kind"), "enum"),
    "fills": "fills",
    "raw_data": "raw",
}


def drawn(draw: random.Random, field: str) -> bytes:
    """Return a value for a field: mostly of its own kind, at times of any other."""
    if draw.random() < 0.65:
        return draw.choice(POOLS[KINDS.get(field, "text")])
    pools, weights = zip(*ANYTHING, strict=True)
    pool: tuple[bytes, ...] = draw.choices(pools, weights)[0]
    return draw.choice(pool)
