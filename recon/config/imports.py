"""How statements are read: the meaning of columns and of the types of rows."""

from __future__ import annotations

import io
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from recon.config.values import Name

#: The kinds of rows; the last two: only the fee counts (the amounts are fills), or the row is ignored.
RowKind = Literal[
    "deposit",
    "withdrawal",
    "transfer",
    "fee",
    "rebate",
    "funding",
    "interest",
    "reward",
    "conversion",
    "adjustment",
    "trade",
    "only_fee",
    "ignore",
]


#: The columns that hold numbers: one column is never two of them.
_NUMBERS: Final = ("amount", "fee", "quantity", "price", "cash")


class Columns(BaseModel):
    """The headings of a file, by their meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    time: Name
    id: Name | None = None
    type: Name | None = None
    account: Name | None = None
    counter_account: Name | None = None
    asset: Name | None = None
    amount: Name | None = None
    fee: Name | None = None
    fee_asset: Name | None = None
    symbol: Name | None = None
    side: Name | None = None
    quantity: Name | None = None
    price: Name | None = None
    cash: Name | None = None
    order_id: Name | None = None
    trade_id: Name | None = None
    text: Name | None = None


class Import(BaseModel):
    """A mapping of statements: `[imports.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    columns: Columns
    #: The account of every row if no column has it; `--account` overrides it.
    account: Name | None = None
    #: The kind of every row; or, if a column has the type, the kind of each type as the file writes it.
    kind: RowKind | None = None
    types: dict[Name, RowKind] = Field(default_factory=dict)
    #: strptime's format; or iso, unix (seconds) or unix_ms. Times without a zone are of `zone`.
    time_format: Annotated[str, Field(min_length=1)] = "iso"
    zone: str = "UTC"
    #: signed: amounts have their sign; by_type: amounts are sizes, and the kind decides the sign.
    sign: Literal["signed", "by_type"] = "signed"
    #: cost: a positive fee is a debit; signed: a fee has the sign of its effect on the balance.
    fee_sign: Literal["cost", "signed"] = "cost"
    #: The asset of every trade's fee if no column has it.
    fee_asset: Name | None = None
    #: The file's codes and those of the EMS, if they differ.
    assets: dict[Name, Name] = Field(default_factory=dict)
    symbols: dict[Name, Name] = Field(default_factory=dict)
    accounts: dict[Name, Name] = Field(default_factory=dict)
    #: How the file writes BUY and SELL, if not like that (upper or lower case).
    sides: dict[Name, Literal["BUY", "SELL"]] = Field(default_factory=dict)
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError('must be a time zone such as "UTC" or "Europe/London"') from None
        return zone

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str) -> str:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # a codec of bytes, such as hex, is no text encoding
        except (LookupError, ValueError):
            raise ValueError('must be a text encoding such as "utf-8"') from None
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, delimiter: str) -> str:
        if delimiter in '"\r\n\0':
            raise ValueError('must be one character such as ","; no quote and no end of a line')
        return delimiter

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        if (self.kind is None) == (not self.types):
            raise ValueError("give kind for all rows, or columns.type with types")
        if bool(self.types) != (self.columns.type is not None):
            raise ValueError("types and columns.type belong together")
        kinds = {self.kind} if self.kind is not None else set(self.types.values())
        for missing in (key for kind in sorted(kinds) for key in _needed(kind) if getattr(self.columns, key) is None):
            raise ValueError(f"columns.{missing} must be given for rows of this kind")
        numbers = [heading for key in _NUMBERS if (heading := getattr(self.columns, key)) is not None]
        for heading in (heading for heading in numbers if numbers.count(heading) > 1):
            raise ValueError(f"columns: {heading} is the column of two numbers")
        if "trade" in kinds and self.columns.price is None and self.columns.cash is None:
            raise ValueError("columns.price or columns.cash must be given for trades")
        if "trade" in kinds and self.columns.fee and not (self.columns.fee_asset or self.fee_asset):
            raise ValueError("columns.fee_asset, or fee_asset for all, must be given for fees of trades")
        return self


def _needed(kind: RowKind) -> tuple[str, ...]:
    """Return the columns that a kind of row requires."""
    if kind == "ignore":
        return ()
    if kind == "only_fee":
        return ("fee", "asset")
    return ("symbol", "side", "quantity") if kind == "trade" else ("asset", "amount")
