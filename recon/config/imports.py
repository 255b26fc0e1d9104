"""How statements are read: the meaning of columns and of the types of rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from recon.config.ready_formats import over_format
from recon.config.values import Name, PositiveAmount
from recon.config.zones import zone_of
from recon.source_class import IndependentSource

#: The kinds of rows. Of `only_fee` the fee alone counts, for the amounts are fills; `trade_leg` and `trade_fee` are the
#: rows of a trade that is told in several; `ignore` is left out. `balance` is what was held at a time: a whole file is.
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
    "opening",
    "trade",
    "only_fee",
    "trade_leg",
    "trade_fee",
    "balance",
    "ignore",
]
#: The kind of the rows of a file of balances, which move nothing.
BALANCE_ROW: Final = "balance"
#: Kinds whose rows are joined to one trade.
PARTS: Final = frozenset({"trade_leg", "trade_fee"})

#: The columns that hold numbers: one column is never two of them.
_NUMBERS: Final = ("amount", "fee", "quantity", "price", "cash", "balance")
#: The columns that a kind of row requires; the others require asset and amount.
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "ignore": (),
    "balance": ("asset",),
    "only_fee": ("fee", "asset"),
    "trade": ("quantity",),
}


def _as_names(value: object) -> object:
    return [value] if isinstance(value, str) else value


#: A heading, or several that versions of a file call it; `Cur.#2` is the second column of the heading `Cur.`.
Heading = Annotated[tuple[Name, ...], BeforeValidator(_as_names), Field(min_length=1)]
#: A cell's text, or several: what a filter lets through or leaves out. An empty text is an empty cell.
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_names), Field(min_length=1)]
Mark = Annotated[str, Field(max_length=1)]


class Columns(BaseModel):
    """The headings of a file, by their meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: Balances of one time need none: `--at` gives it.
    time: Heading | None = None
    id: Heading | None = None
    type: Heading | None = None
    #: Told apart within a type: `types` then also knows `TYPE/SUBTYPE`.
    subtype: Heading | None = None
    account: Heading | None = None
    counter_account: Heading | None = None
    asset: Heading | None = None
    amount: Heading | None = None
    #: The balance after the row: the rows of an account and asset are then checked as a chain.
    balance: Heading | None = None
    fee: Heading | None = None
    fee_asset: Heading | None = None
    symbol: Heading | None = None
    side: Heading | None = None
    quantity: Heading | None = None
    price: Heading | None = None
    cash: Heading | None = None
    order_id: Heading | None = None
    trade_id: Heading | None = None
    text: Heading | None = None

    def named(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the meanings that the mapping gives, each with its headings."""
        for key in type(self).model_fields:
            headings: tuple[str, ...] | None = getattr(self, key)
            if headings is not None:
                yield key, headings


class Import(BaseModel):
    """A mapping of statements: `[imports.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    columns: Columns
    #: A format that comes with recon; the other keys change it.
    format: Name | None = None
    #: The account of every row if no column has it; `--account` overrides it.
    account: Name | None = None
    #: The asset of every row if no column has it; `--asset` overrides it.
    asset: Name | None = None
    #: The kind of every row; or, if a column has the type, the kind of each type as the file writes it.
    kind: RowKind | None = None
    types: dict[str, RowKind] = Field(default_factory=dict)
    #: Who tells it; without it, a file is a venue's, and a file of balances needs `--source`.
    source: IndependentSource | None = None
    #: Only rows with one of these texts in a column count; rows with one of those do not.
    only: dict[Name, Texts] = Field(default_factory=dict)
    skip: dict[Name, Texts] = Field(default_factory=dict)
    #: strptime's formats; or iso, unix (seconds) or unix_ms. Times without a zone are of `zone`. A fraction of a second
    #: may follow where a format has none.
    time_format: Texts = ("iso",)
    zone: str = "UTC"
    #: The lines before the headings tell the zone, such as `Time Zone:UTC+3`.
    zone_above: bool = False
    #: signed: amounts have their sign; by_type: amounts are sizes, and the kind decides the sign.
    sign: Literal["signed", "by_type"] = "signed"
    #: gross: the fee comes on top of the amount; net: the amount contains it; by_balance: as the balances say.
    amounts: Literal["gross", "net", "by_balance"] = "gross"
    #: cost: a positive fee is a debit; signed: a fee has the sign of its effect on the balance.
    fee_sign: Literal["cost", "signed"] = "cost"
    #: The asset of every trade's fee if no column has it, by its code or by its place in the pair.
    fee_asset: Name | None = None
    fee_in: Literal["base", "quote"] | None = None
    #: A positive quantity was bought, a negative one sold.
    side_by_sign: bool = False
    #: The columns that rows of one trade have in common: `trade_leg` and `trade_fee` are joined by them.
    group: Annotated[tuple[Name, ...], BeforeValidator(_as_names)] = ()
    #: The file's codes and those of the EMS, if they differ.
    assets: dict[Name, Name] = Field(default_factory=dict)
    symbols: dict[Name, Name] = Field(default_factory=dict)
    accounts: dict[Name, Name] = Field(default_factory=dict)
    #: How the file writes BUY and SELL, if not like that (upper or lower case).
    sides: dict[Name, Literal["BUY", "SELL"]] = Field(default_factory=dict)
    #: Numbers: 1.234,56 has the decimal mark "," and the thousands mark ".".
    decimal: Literal[".", ","] = "."
    thousands: Mark = ""
    #: Cells of this text hold nothing, like empty ones.
    nothing: Annotated[tuple[str, ...], BeforeValidator(_as_names)] = ()
    #: Numbers may carry their asset, such as 0.18SOL or 2.00 ETH.
    units: bool = False
    #: Amounts, fees and balances are counted in this part of the asset; 0.00000001 is one satoshi.
    scale: PositiveAmount | None = None
    #: Lines before the headings.
    skip_lines: Annotated[int, Field(ge=0, le=100)] = 0
    #: The sheet of a workbook; the first one if none is named.
    sheet: Name | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"

    @model_validator(mode="before")
    @classmethod
    def _over_its_format(cls, keys: object) -> object:
        return over_format(dict(keys)) if isinstance(keys, dict) else keys

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        zone_of(zone)
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
        if self.thousands and (self.thousands == self.decimal or self.thousands.isalnum() or self.thousands in "+-()"):
            raise ValueError("thousands must be a mark that no number has elsewhere")
        kinds: set[str] = {self.kind} if self.kind is not None else set(self.types.values())
        self._check_balances(kinds)
        for missing in (key for kind in sorted(kinds) for key in self._needed(kind) if not self._has(key)):
            raise ValueError(f"columns.{missing} must be given for rows of this kind")
        numbers = [headings for key, headings in self.columns.named() if key in _NUMBERS and key != "quantity"]
        for heading in (name for headings in numbers for name in headings):
            if sum(heading in headings for headings in numbers) > 1:
                raise ValueError(f"columns: {heading} is the column of two numbers")
        if "trade" in kinds:
            self._check_trades()
        if kinds & PARTS and not self.group:
            raise ValueError("group must name the columns that the rows of one trade have in common")
        return self

    def _check_balances(self, kinds: set[str]) -> None:
        if BALANCE_ROW in kinds and self.kind != BALANCE_ROW:
            raise ValueError(f"a file of balances has nothing else: give kind = {BALANCE_ROW!r} for all rows")
        if self.columns.time is None and self.kind != BALANCE_ROW:
            raise ValueError("columns.time must be given, but for balances")
        if self.kind == BALANCE_ROW and (self.columns.balance is None) == (self.columns.amount is None):
            raise ValueError("columns.balance or columns.amount must be given for balances, and not both")

    def _needed(self, kind: str) -> tuple[str, ...]:
        """Return the columns that a kind of row requires."""
        needed = _NEEDED.get(kind, ("asset", "amount"))
        if kind == "trade":
            needed = (*(() if self.units else ("symbol",)), *(() if self.side_by_sign else ("side",)), *needed)
        return needed

    def _has(self, key: str) -> bool:
        if getattr(self.columns, key) is not None:
            return True
        return key == "asset" and (self.asset is not None or self.units or self.format is not None)

    def _check_trades(self) -> None:
        columns = self.columns
        if columns.price is None and columns.cash is None:
            raise ValueError("columns.price or columns.cash must be given for trades")
        if columns.quantity is not None and columns.quantity in (columns.price, columns.cash, columns.fee):
            raise ValueError(f"columns: {columns.quantity[0]} is the column of two numbers")
        told = columns.fee_asset or self.fee_asset or self.fee_in or self.units or self.asset or self.format
        if columns.fee and not told:
            raise ValueError("columns.fee_asset, or fee_asset or fee_in for all, must be given for fees of trades")
