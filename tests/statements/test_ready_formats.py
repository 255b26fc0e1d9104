"""The mappings that come with recon, each on a small file of the headings that the venue publishes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from recon.config.imports import Import
from recon.config.ready_formats import ready_formats
from recon.errors import ConfigError
from recon.exact import plain
from recon.ledger.facts.external_fact import ExternalFact
from recon.statements.statement import Statement, read_statement

#: What is to be read in the file of each format: fact, amount and unit, or side, quantity and symbol; time; id.
READ: dict[str, list[str]] = {
    "kraken-ledger": [
        "deposit 500 ZEUR 2020-12-31T06:14:02 LA",
        "trade BUY 0.01 XXBT/ZEUR for 200 fee 0.52 ZEUR 2020-12-31T07:00:00 rows:TA trade TA",
        "withdrawal -0.005 XXBT 2020-12-31T08:00:00 LD",
        "fee -0.00015 XXBT 2020-12-31T08:00:00 LD/fee",
        "reward 0.00001 XXBT 2020-12-31T09:00:00 LE",
    ],
    "kraken-trades": [
        "trade BUY 0.01 XXBTZEUR at 20000 for 200 fee 0.52 quote 2020-12-31T07:00:00.123400 TA order OA trade TA",
    ],
    "binance-transactions": [
        "deposit 2000 USDT 2024-01-15T09:00:00 row",
        "trade BUY 0.5 ETH/USDT for 1000 fee 0.01 BNB 2024-01-15T10:00:00 rows:2024-01-15 10:00:00/Spot",
        "trade SELL 0.5 ETH/USDT for 1001 2024-01-15T10:00:01 rows:2024-01-15 10:00:01/Spot",
        "conversion -1.2 ADA 2024-01-15T11:00:00 row",
        "conversion -0.4 XRP 2024-01-15T11:00:00 row",
        "conversion 0.0021 BNB 2024-01-15T11:00:00 row",
    ],
    "binance-spot-trades": [
        "trade BUY 0.18 SOLBUSD (SOL/BUSD) at 110.03 for 19.8054 fee 0.00018 SOL 2021-09-20T12:33:05 row",
        "trade SELL 1000 1INCHUSDT (1INCH/USDT) at 3.01 for 3010 fee 0.0061 BNB 2021-09-20T12:35:10 row",
    ],
    "coinbase-account": [
        "deposit 1000 EUR 2021-02-10T09:00:00 W-1",
        "trade BUY 0.01 BTC/EUR for 380.5 fee 1.9 EUR 2021-02-10T10:00:00.123000 rows:77/O-1 order O-1 trade 77",
        "withdrawal -617.6 EUR 2021-02-10T11:00:00 W-2",
    ],
    "coinbase-fills": [
        "trade BUY 0.01 BTC-EUR at 38050 fee 1.9 EUR 2021-02-10T10:00:00.123000 row trade 77",
    ],
    "okx-trading": [
        "funding -0.03 USDT 2026-05-11T18:30:00 0",
        "trade BUY 3 BTC-USDT-SWAP at 100 fee 0.15 USDT 2026-05-11T18:34:05 1 order 60",
        "trade BUY 0.050338 BTC-USDT (BTC/USDT) for 4072.5562 fee 0.0000504 BTC 2026-05-11T18:35:20 rows:61 order 61",
        "transfer -0.0502876 BTC 2026-05-11T18:37:10 6",
    ],
    "okx-funding": [
        "deposit 0.01147863 BTC 2025-10-31T15:20:15 8",
        "withdrawal -0.01147863 BTC 2025-10-31T15:25:15 9",
    ],
    "bybit-uta": [
        "transfer 9.6372193 USDT 2026-06-05T08:00:00 row",
        "trade SELL 0.00003 BTCUSDT (BTC/USDT) for 1.615287 fee 0.00403822 USDT 2026-06-05T08:22:50 rows",
        "trade SELL 0.02 XAUTUSDT at 4356 fee 0.08712 USDT 2026-06-05T19:11:48 row",
        "funding -0.0043613 USDT 2026-06-05T20:00:00 row",
    ],
    "bitfinex-trades": [
        "trade SELL 0.25 BTC/USD at 9300.5 fee 4.65025 USD 2020-02-04T16:49:55 501 order 91 trade 501",
        "trade BUY 2 ETH/USD at 190.1 fee 0.004 ETH 2020-02-04T16:49:56.125000 502 order 92 trade 502",
    ],
    "bitstamp": [
        "deposit 2 ETH 2022-01-28T00:13:00 row",
        "withdrawal -100 USD 2022-05-05T09:00:00 row",
        "trade SELL 0.5 ETH/USD (ETH/USD) at 1560 for 780 fee 3.12 USD 2022-09-03T16:14:00 row",
    ],
    "kucoin-orders": [
        "trade BUY 0.0048 NANO-ETH at 0.0043 for 0.00002064 fee 0.00000002 ETH 2019-08-22T11:38:23 row",
    ],
    "kucoin-orders-old": [
        "trade SELL 0.1 BTC-USDT at 9300 for 930 fee 0.93 USDT 2018-05-10T11:38:23 row",
    ],
    "bitmex-wallet": [
        "deposit 0.01 XBT 2019-12-24T19:00:00 row",
        "withdrawal -0.003 XBT 2019-12-25T08:00:00 row",
        "fee -0.0001 XBT 2019-12-25T08:00:00 row",
    ],
    "deribit-log": [
        "deposit 1 BTC 2022-05-10T09:00:00 10",
        "trade BUY 10000 BTC-PERPETUAL at 31000 fee 0.00016129 BTC 2022-05-10T10:00:00 11 order O-1 trade T-1",
    ],
}
#: What the command gives beside the file.
ASSETS: Mapping[str, str] = {"deribit-log": "BTC"}


def published(name: str) -> str:
    """Return the file of a format."""
    return (Path(__file__).parent / "published" / f"{name}.csv").read_text(encoding="utf-8")


def read(path: Path, name: str, content: str, **more: object) -> Statement:
    file = path / f"{name}.csv"
    file.write_text(content, encoding="utf-8")
    mapping = Import.model_validate({"format": name, **more})
    return read_statement(file, mapping, "VENUE", ASSETS.get(name))


def told(statement: Statement) -> list[str]:
    return [_told(each.fact) for each in statement.facts]


def _told(fact: ExternalFact) -> str:
    words: list[str] = [fact.fact]
    if fact.fact == "trade":
        pair = f"{fact.base}/{fact.quote}" if fact.base else ""
        words += [fact.side or "", _number(fact.quantity), fact.symbol or ""]
        words += [f"({pair})"] if pair and not (fact.external_id.startswith("rows:") and fact.symbol == pair) else []
        words += [f"at {_number(fact.price)}"] if fact.price is not None else []
        words += [f"for {_number(fact.cash)}"] if fact.cash is not None else []
        words += [f"fee {_number(fact.fee)} {fact.fee_asset or fact.fee_in}"] if fact.fee else []
    else:
        words += [_number(fact.amount), fact.unit or ""]
    words += [fact.occurred_at.isoformat().removesuffix("+00:00"), _id(fact.external_id)]
    words += [f"order {fact.order_id}"] if fact.order_id else []
    words += [f"trade {fact.trade_id}"] if fact.trade_id else []
    return " ".join(words)


def _id(external_id: str) -> str:
    """Return an id that the file has; of one that is a digest, what it begins with."""
    if external_id.startswith("row:"):
        return "row"
    return "rows" if external_id.startswith(("rows:/", "rows:BTCUSDT")) else external_id


def _number(number: Decimal | None) -> str:
    text = plain(number or Decimal(0))
    return text.rstrip("0").rstrip(".") if "." in text else text


@pytest.mark.parametrize("name", ready_formats())
def test_a_file_of_the_published_headings_is_read_whole(tmp_path: Path, name: str) -> None:
    statement = read(tmp_path, name, published(name))
    assert [(row.line, row.problem) for row in statement.bad_rows] == []
    assert told(statement) == READ[name]


@pytest.mark.parametrize("name", ready_formats())
def test_a_file_of_another_kind_is_refused_by_each_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="the mapping is for another kind of file"):
        read(tmp_path, name, "above\nDate,Description,Debit,Credit\n2020-01-01,x,1,2\n")


def test_a_mapping_of_ones_own_changes_a_format(tmp_path: Path) -> None:
    content = published("kraken-ledger")
    statement = read(tmp_path, "kraken-ledger", content, assets={"ZEUR": "EUR"}, types={"staking": "interest"})
    assert {each.fact.unit for each in statement.facts if each.fact.unit} == {"EUR", "XXBT"}
    assert [each.fact.fact for each in statement.facts][-1] == "interest"


def test_rows_that_became_no_fact_say_why(tmp_path: Path) -> None:
    statement = read(tmp_path, "bitmex-wallet", published("bitmex-wallet"))
    assert [(row.line, row.outcome, row.reason) for row in statement.without_fact] == [
        (2, "left_out", "transactStatus is 'Pending'"),
        (4, "left_out", "transactStatus is 'Canceled'"),
        (5, "ignored", "type 'RealisedPNL' is ignored"),
    ]


@pytest.mark.parametrize(
    ("name", "gone", "words"),
    [
        ("kraken-ledger", '"LA"', None),
        ("kraken-ledger", '"LD"', "a row of -0.00515 XXBT is missing"),
        ("okx-trading", "\n2,61,", "a row of -3939.288 USDT is missing"),
        ("coinbase-account", "default,fee", "a row of -1.9 EUR is missing"),
        ("bitmex-wallet", '"12/25/2019, 7:00:00 AM"', "a row of 0.000005 XBT is missing"),
    ],
)
def test_a_row_that_is_missing_is_proved_by_the_balances(
    tmp_path: Path, name: str, gone: str, words: str | None
) -> None:
    content = published(name)
    start = content.index(gone) + gone.startswith("\n")
    end = content.index("\n", start) + 1
    problems = [row.problem for row in read(tmp_path, name, content[:start] + content[end:]).bad_rows]
    if words is None:
        assert problems == []  # the first balance of an asset has nothing before it
    else:
        assert len(problems) == 1
        assert words in problems[0]
