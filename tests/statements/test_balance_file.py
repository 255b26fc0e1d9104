"""Files of balances: what a custodian lists becomes facts that move nothing, and nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from recon.config.imports import Import
from recon.errors import ConfigError
from recon.statements.balance_file import USUAL, BalanceFile, Telling, absent_balances, read_balances

AT = datetime(2026, 1, 5, tzinfo=UTC)


def telling(**more: object) -> Telling:
    plain = Telling("custodian", AT, "BYBIT/CUSTODY", contracts=False, home=lambda _, code: code)
    return plain._replace(**more)  # type: ignore[arg-type]


def read(path: Path, text: str, mapping: Import = USUAL, **more: object) -> BalanceFile:
    file = path / "balances.csv"
    file.write_text(text, encoding="utf-8")
    return read_balances(file, mapping, telling(**more))


def amounts(found: BalanceFile) -> dict[str, Decimal | None]:
    return {str(each.fact.unit): each.fact.amount for each in found.told}


def test_usual_headings_need_no_mapping(tmp_path: Path) -> None:
    found = read(tmp_path, "Currency,Wallet Balance,Frozen\nBTC,1.50,0\nUSDT,-3,0\n")
    assert amounts(found) == {"BTC": Decimal("1.50"), "USDT": Decimal(-3)}
    [fact, _] = [each.fact for each in found.told]
    assert (fact.fact, fact.source_of, fact.occurred_at, fact.account) == ("balance", "custodian", AT, "BYBIT/CUSTODY")


def test_the_same_amount_has_the_same_id_in_whatever_file_it_stands(tmp_path: Path) -> None:
    first = read(tmp_path, "asset,balance\nBTC,1.50\n").told[0].fact
    again = read(tmp_path, "balance,coin,note\n1.5,BTC,again\n").told[0].fact
    other = read(tmp_path, "asset,balance\nBTC,1.51\n").told[0].fact
    assert first.external_id == again.external_id != other.external_id


def test_a_column_names_the_account(tmp_path: Path) -> None:
    found = read(tmp_path, "account,asset,balance\nA/1,BTC,1\nA/2,BTC,2\n", account=None)
    assert {each.fact.account: each.fact.amount for each in found.told} == {"A/1": Decimal(1), "A/2": Decimal(2)}
    with pytest.raises(ConfigError, match="give --account"):
        read(tmp_path, "asset,balance\nBTC,1\n", account=None)


def test_a_pool_is_told_as_its_sum(tmp_path: Path) -> None:
    found = read(tmp_path, "asset,balance\nXXBT,1\nXBT.F,0.25\n", home=lambda *_: "XXBT")
    assert amounts(found) == {"XXBT": Decimal("1.25")}


def test_rows_that_cannot_be_read_are_named_with_their_line(tmp_path: Path) -> None:
    found = read(tmp_path, "asset,balance\nBTC,1\n,2\nETH,much\nBTC,3\nUSDT,\nDOGE,NaN\n")
    assert amounts(found) == {"BTC": Decimal(1)}
    assert [row.line for row in found.bad_rows] == [3, 4, 5, 6, 7]
    assert "stands in line 2 too" in found.bad_rows[2].problem


def test_the_time_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give --at"):
        read(tmp_path, "asset,balance\nBTC,1\n", at=None)
    dated = Import.model_validate(
        {"kind": "balance", "columns": {"time": "as of", "asset": "asset", "balance": "net"}, "only": {"kind": "spot"}}
    )
    text = "as of,asset,net,kind\n2026-01-04T00:00:00Z,BTC,1,spot\n2026-01-05T00:00:00Z,BTC,2,spot\n,BTC,9,margin\n"
    found = read(tmp_path, text, dated, at=None)
    assert [each.fact.occurred_at.day for each in found.told] == [4, 5]
    with pytest.raises(ConfigError, match="leave --at out"):
        read(tmp_path, text, dated)


def test_what_a_complete_file_does_not_list_is_zero(tmp_path: Path) -> None:
    found = read(tmp_path, "asset,balance\nBTC,1\n")
    units = [("BYBIT/CUSTODY", "BTC"), ("BYBIT/CUSTODY", "USDT"), ("OTHER", "ETH")]
    [zero] = absent_balances("balances.csv", telling(), found.told, units)
    assert (zero.fact.unit, zero.fact.amount, zero.fact.absent) == ("USDT", Decimal(0), True)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"kind": "deposit", "columns": {"asset": "a", "amount": "b"}}, "columns.time must be given"),
        ({"kind": "balance", "columns": {"asset": "a"}}, "columns.balance or columns.amount"),
        ({"types": {"x": "balance"}, "columns": {"type": "t", "time": "w", "asset": "a", "balance": "b"}}, "kind ="),
    ],
)
def test_a_mapping_of_balances_says_what_it_needs(mapping: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Import.model_validate(mapping)
