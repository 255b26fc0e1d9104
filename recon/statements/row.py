"""One row of a statement, by the meaning of its cells. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final, NamedTuple

from recon.config.imports import Import, RowKind
from recon.exact import ZERO
from recon.statements.moment import read_moment
from recon.statements.number import Written, read_number, style_of

#: Most characters of a value that a message repeats.
_SHOWN: Final = 40
#: Numbers that are counted in the mapping's `scale`.
_SCALED: Final = frozenset({"amount", "fee", "balance"})


class Given(NamedTuple):
    """What the command gives for rows that do not say it, and the zone of times without one."""

    account: str | None
    asset: str | None
    zone: tzinfo
    source: str
    #: Amounts contain the fee.
    net: bool = False
    #: The zone was looked for.
    zoned: bool = False
    #: Cells may hold times themselves, as those of workbooks do.
    times: bool = False


class Row:
    """The cells of a row by their meaning; `id` is its own, else one made from its content."""

    __slots__ = ("_at", "_cells", "_headings", "_numbers", "given", "line", "mapping", "own_id")

    def __init__(
        self,
        line: int,
        cells: Mapping[str, str],
        headings: Mapping[str, str],
        mapping: Import,
        given: Given,
        own_id: str,
    ) -> None:
        """Take a row as the table has it."""
        self.line = line
        self.mapping = mapping
        self.given = given
        self.own_id = own_id
        self._cells = cells
        self._headings = headings
        self._at: datetime | None = None
        self._numbers: dict[tuple[str, tuple[str, ...]], Written] = {}

    def cell(self, key: str) -> str:
        """Return a cell as it is written; empty where the mapping has no such column."""
        heading = self._headings.get(key)
        return "" if heading is None else self._cells.get(heading, "").strip()

    def text(self, key: str) -> str:
        """Return a cell's text; empty where it holds nothing."""
        written = self.cell(key)
        return "" if written in self.mapping.nothing else written

    def number(self, key: str, codes: tuple[str, ...] = ()) -> Written:
        """Return the number of a cell and the unit that it carries. Raise ValueError, naming the column."""
        found = self._numbers.get((key, codes))
        if found is None:
            found = self._numbers[key, codes] = self._read_number(key, codes)
        return found

    def _read_number(self, key: str, codes: tuple[str, ...]) -> Written:
        written = self.text(key)
        try:
            found = read_number(written, style_of(self.mapping), codes)
        except ValueError:
            problem = f"{self._headings.get(key, key)}: {_short(written)} is not a number such as -1234.56"
            raise ValueError(problem) from None
        scale = self.mapping.scale
        return found if scale is None or key not in _SCALED else Written(found.number * scale, found.unit)

    def amount(self, key: str) -> Decimal:
        """Return the number of a cell; zero where it holds nothing."""
        return self.number(key).number if self.text(key) else ZERO

    @property
    def kind(self) -> RowKind:
        """Return the kind of the row. Raise ValueError where the mapping does not know its type."""
        if self.mapping.kind is not None:
            return self.mapping.kind
        written, below = self.cell("type"), self.cell("subtype")
        types = self.mapping.types
        kind = types.get(f"{written}/{below}") or types.get(written)
        if kind is None:
            shown = f"{written}/{below}" if below and below not in self.mapping.nothing else written
            raise ValueError(f"type {shown!r} is not in the mapping's types; add it, or map it to ignore")
        return kind

    @property
    def account(self) -> str:
        """Return the account of the row, as the EMS names it."""
        written = self.text("account")
        return self.mapping.accounts.get(written, written) or self.given.account or ""

    @property
    def counter_account(self) -> str:
        """Return the account on the other side of a transfer, as the EMS names it; empty if none is told."""
        written = self.text("counter_account")
        return self.mapping.accounts.get(written, written)

    @property
    def asset(self) -> str:
        """Return the asset of the amount. Raise ValueError where nothing tells it."""
        written = self.text("asset")
        if not written and self.mapping.units and self.text("amount"):
            written = self.number("amount").unit
        written = written or self.given.asset or ""
        if not written:
            raise ValueError("the row names no asset; give --asset")
        return self.code(written)

    def code(self, written: str) -> str:
        """Return the EMS's code of an asset as the file writes it."""
        return self.mapping.assets.get(written, written)

    @property
    def fee(self) -> tuple[Decimal, str]:
        """Return the fee, positive where it is a debit, and its asset; the asset is empty where the row has none."""
        if not self.text("fee"):
            return ZERO, ""
        told = self.number("fee")
        asset = self.text("fee_asset") or told.unit
        cost = -told.number if self.mapping.fee_sign == "signed" else told.number
        return cost, self.code(asset) if asset else self.mapping.fee_asset or ""

    @property
    def at(self) -> datetime:
        """Return the time of the row in UTC. Raise ValueError, naming the column."""
        if self._at is None:
            self._at = self._read_time()
        return self._at

    def _read_time(self) -> datetime:
        written, forms = self.cell("time"), self.mapping.time_format
        problem = f"{self._headings['time']}: {_short(written)} is not a time of the form {' or '.join(forms)}"
        try:
            return read_moment(written, (*forms, "iso") if self.given.times else forms, self.given.zone)
        except OverflowError:
            raise ValueError(f"{problem} within the years 1 to 9999 in UTC") from None
        except ValueError:
            raise ValueError(problem) from None

    @property
    def filtered(self) -> str | None:
        """Return why the mapping's filters leave the row out, None if they do not."""
        for name, texts in self.mapping.only.items():
            if self.cell(f"={name}") not in texts:
                return f"{name} is {_short(self.cell(f'={name}'))}"
        for name, texts in self.mapping.skip.items():
            if self.cell(f"={name}") in texts:
                return f"{name} is {_short(self.cell(f'={name}'))}"
        return None

    @property
    def group(self) -> tuple[str, ...]:
        """Return what the rows of one trade have in common."""
        return (self.account, *(self.cell(f"={name}") for name in self.mapping.group))

    def common(self, external_id: str) -> dict[str, str | bool]:
        """Return the keys that every fact of the row has."""
        keys: dict[str, str | bool] = {
            "account": self.account,
            "external_id": external_id,
            "occurred_at": self.at.isoformat(),
            "source": self.given.source,
        }
        if text := self.text("text"):
            keys["text"] = text
        return keys


def _short(written: str) -> str:
    """Return a value as a message repeats it."""
    return repr(written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…")
