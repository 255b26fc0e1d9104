"""The fee rates of an account: what is known by key and since when, and what may hold beside it. Pure (semantics 8.5).

1. A rate is an integer, in units of 1e-7 of turnover; times are microseconds; evidence is in hundredths of a bit.
2. A schedule's lines are told: they hold since ever, and a changed line forgets what was learnt of its market.
3. Whoever caches what follows from rates compares `revision`: it grows with every change.
4. This file alone writes the table; learning asks it to adopt or to mix rates.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec

from recon.ledger.fees.fee_key import (
    ANY,
    LONG_AGO,
    ORDER_CLASSES,
    RATES,
    TAKER_CLASS,
    FeeKey,
    certain,
    line_label,
    third,
)
from recon.ledger.rules import DEFAULT_LEARNED_FEE, FeeRule

#: Most keys that have rates; of more, the one whose rate is oldest is forgotten.
MAX_KEYS: Final = 256
#: Most rates of a key, one after another; of more, the oldest is forgotten.
MAX_TIERS: Final = 6
#: Changes of a key's rate closer than this are too many to be tiers, in microseconds.
TIERS_WITHIN_US: Final = 86_400_000_000
#: Most rates that hold beside each other in a key, where samples say so, and where edges do.
MAX_LEARNT_MIXED: Final = 3
MAX_MIXED: Final = 8
#: Most lines of a schedule that are read.
MAX_LINES: Final = 256

#: Why a fill may have paid another rate than expected: its class had it or was told it, it is the taker's, or the
#: class is known to mix it.
AlternativeKind = Literal["same_class", "taker", "mixed"]
#: Who already pays a rate: a key of the same class, another key of the account, or nobody.
Familiarity = Literal["class", "account", "unknown"]


class Evidence(NamedTuple):
    """What speaks for a rate: the edges that paid it, and the evidence less the prior, in hundredths of a bit."""

    edges: int = 0
    hundredth_bits: int = 0


class KnownRate(msgspec.Struct, frozen=True, gc=False, order=True):
    """A rate of a key since a stamp, in microseconds. `edges` is 0 where a schedule told the rate."""

    since_us: int
    rate: int
    edges: int = 0
    hundredth_bits: int = 0


class ToldLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a schedule: the rates of makers and takers, and the asset that the fee is taken in."""

    maker: int
    taker: int
    asset: str

    def pays(self, key: FeeKey) -> bool:
        """True if the fee is taken in the asset of a key."""
        if self.asset == "received":
            return key.side > 0
        return key.role == (self.asset if self.asset in {"quote", "base"} else third(self.asset))

    def both(self, key: FeeKey) -> tuple[int, int]:
        """Return what makers and takers of a key pay."""
        return (self.maker, self.taker) if self.pays(key) else (0, 0)

    def rate(self, key: FeeKey) -> int:
        """Return the expected rate: the taker's for orders that only take, the maker's for all others."""
        return self.both(key)[key.order_class == TAKER_CLASS]


def rate_of(share: Decimal) -> int:
    """Return a share of turnover in units of 1e-7, half-even; a share beyond the whole turnover is the whole."""
    units = int((share * RATES).to_integral_value(ROUND_HALF_EVEN))
    return max(-RATES, min(RATES, units))


class RateTable(msgspec.Struct, dict=True):
    """The rates of an account; see the module."""

    #: Rates by key, oldest first; what a schedule tells is not stored here until a key's rate changes.
    known: dict[FeeKey, list[KnownRate]] = {}
    #: Rates that hold beside each other.
    mixed: dict[FeeKey, list[KnownRate]] = {}
    #: Keys whose rate has changed for sure, and since when.
    changed: dict[FeeKey, int] = {}
    #: Lines of the schedule by `FeeKey.market`.
    told: dict[str, ToldLine] = {}
    revision: int = 0
    #: The largest rate that is learnt; a rebate is learnt up to a quarter of it.
    most: int = rate_of(DEFAULT_LEARNED_FEE)

    def expected(self, key: FeeKey, stamp_us: int) -> int | None:
        """Return the rate of a key at a stamp; None where it is not known."""
        found = None
        for each in self.rates(key):
            if each.since_us > stamp_us:
                break
            found = each.rate
        return found

    def rates(self, key: FeeKey) -> Sequence[KnownRate]:
        """Return the rates of a key, oldest first; none where no rate is known."""
        known = self.known.get(key)
        if known is not None:
            return known
        base = self._base.get(key)
        if base is None:
            line = self._line_of(key.market)
            base = () if line is None else (KnownRate(LONG_AGO, line.rate(key)),)
            if len(self._base) < 4 * MAX_KEYS:
                self._base[key] = base
        return base

    def latest(self, key: FeeKey) -> KnownRate | None:
        """Return the latest rate of a key; None where none is known."""
        rates = self.rates(key)
        return rates[-1] if rates else None

    def alternatives(self, key: FeeKey) -> dict[int, AlternativeKind]:
        """Return the rates that a fill of a key may have paid, its own among them, and why each may be."""
        found = self._alternatives.get(key)
        if found is None:
            found = self._find_alternatives(key)
            if len(self._alternatives) < 4 * MAX_KEYS:
                self._alternatives[key] = found
        return found

    def moved_beside(self, key: FeeKey) -> KnownRate | None:
        """Return the rate that another key of the role has changed to for sure, last of all, from the rate of a key.

        None if there is no such key, or if this one has changed itself.
        """
        own = self.rates(key)
        if not self.changed or len(own) != 1 or not own[0].rate:
            return None
        found = None
        for other in self.changed:
            rates = self.known[other]
            if other.role == key.role and len(rates) > 1 and rates[-2].rate == own[0].rate:
                found = rates[-1] if found is None else max(found, rates[-1])
        return found

    def told_rates(self, key: FeeKey) -> tuple[int, ...]:
        """Return what the schedule tells of makers and takers of a key; nothing without a line."""
        line = self._line_of(key.market)
        return () if line is None else line.both(key)

    def _line_of(self, market: str) -> ToldLine | None:
        """Return the line of a market; a fill from before the schedule bears its type, so it may be the line of all."""
        return self.told.get(market) or self.told.get(ANY)

    def moved(self, since_us: int) -> bool:
        """True if a rate has changed at a stamp or later."""
        return self._last_change_us >= since_us

    def changes_elsewhere(self, key: FeeKey, from_us: int, to_us: int) -> bool:
        """True if the rate of another key has changed for sure between two stamps."""
        return any(from_us <= at <= to_us for other, at in self.changed.items() if other != key)

    def familiarity(self, key: FeeKey, rate: int) -> Familiarity:
        """Tell who already pays a rate; that another asset pays nothing says nothing of the key's."""
        paid = self._paid_beside(key)
        if (key.order_class, rate) in paid:
            return "class"
        return "account" if any(each == rate for _, each in paid) else "unknown"

    def range_of_rates(self, key: FeeKey) -> tuple[int, int] | None:
        """Return the least and the greatest rate of the account that say something of a key; None without a rate."""
        rates = [rate for _, rate in self._paid_beside(key)]
        return (min(rates), max(rates)) if rates else None

    @property
    def is_known(self) -> bool:
        """True if any rate of the account is told or learnt."""
        return bool(self.told or self.known)

    @cached_property
    def third_assets(self) -> tuple[str, ...]:
        """Return the assets, by code, that fees are taken in though the fill does not move them, by what was learnt."""
        taken = {
            key.role.removeprefix(third(""))
            for key, known in self.known.items()
            if key.role.startswith(third("")) and any(each.rate for each in known)
        }
        return tuple(sorted(taken))

    # -- changes

    def tell(self, rules: Iterable[FeeRule], learn_up_to: Decimal = DEFAULT_LEARNED_FEE) -> bool:
        """Read a schedule, and the largest share that is learnt; return True if either changed.

        What was learnt of a changed line's market is forgotten.
        """
        told, most = _lines_of(rules), rate_of(learn_up_to)
        if told == self.told and most == self.most:
            return False
        self.most = most
        markets = {label for label in {*told, *self.told} if told.get(label) != self.told.get(label)}
        for rates in (self.known, self.mixed, self.changed):
            for key in [key for key in rates if key.market in markets or (ANY in markets and key.market not in told)]:
                del rates[key]
        self.told = told
        self._note_change()
        return True

    def adopt(self, key: FeeKey, rate: int, since_us: int, evidence: Evidence, *, sure: bool = True) -> bool:
        """Let a rate hold from a stamp on; return False if it holds already, or if the key changes too often.

        `sure`: the change may be taken as a sign that other rates of the account changed as well.
        """
        known = list(self.rates(key))
        if known and (known[-1].rate == rate or self.expected(key, since_us) == rate):
            return False
        if len(known) >= MAX_TIERS:
            if known[0].since_us > since_us - TIERS_WITHIN_US:
                return False
            del known[0]
        if known:
            self.mixed.pop(key, None)
            if sure:
                self.changed[key] = since_us
        insort(known, KnownRate(since_us, rate, *evidence))
        self.known[key] = known
        self._bound_keys(key)
        self._note_change()
        return True

    def mix(self, key: FeeKey, rate: int, since_us: int, evidence: Evidence) -> bool:
        """Let a rate hold beside those of a key; return False if it does already, if there are too many, or none."""
        mixed = self.mixed.get(key) or list(self.rates(key)[-1:])
        if not mixed or any(each.rate == rate for each in mixed) or len(mixed) >= MAX_LEARNT_MIXED:
            return False
        self._set_mixed(key, [*mixed, KnownRate(since_us, rate, *evidence)])
        return True

    def mix_alternatives(self, key: FeeKey, since_us: int, edges: int) -> bool:
        """Let all alternatives of a key hold beside each other; return False if a mixture is known already."""
        if key in self.mixed:
            return False
        own = {each.rate: each for each in self.rates(key)}
        others = [KnownRate(since_us, rate, edges) for rate in sorted(self.alternatives(key)) if rate not in own]
        if not others:
            return False
        self._set_mixed(key, [*own.values(), *others][:MAX_MIXED])
        return True

    def _set_mixed(self, key: FeeKey, mixed: list[KnownRate]) -> None:
        self.mixed[key] = mixed
        while len(self.mixed) > MAX_KEYS:
            del self.mixed[min(self.mixed, key=lambda each: (self.mixed[each][-1].since_us, each))]
        self._note_change()

    def _bound_keys(self, latest: FeeKey) -> None:
        """Forget the key whose rate is oldest, but not the one just adopted."""
        while len(self.known) > MAX_KEYS:
            others = (each for each in self.known if each != latest)
            oldest = min(others, key=lambda each: (self.known[each][-1].since_us, each))
            del self.known[oldest]
            self.mixed.pop(oldest, None)
        for key in [key for key in self.changed if key not in self.known]:
            del self.changed[key]

    def _note_change(self) -> None:
        self.revision += 1
        for name in ("_base", "_alternatives", "_paid", "_last_change_us", "third_assets"):
            self.__dict__.pop(name, None)

    # -- what follows from the rates, until they change

    @cached_property
    def _base(self) -> dict[FeeKey, Sequence[KnownRate]]:
        return {}

    @cached_property
    def _alternatives(self) -> dict[FeeKey, dict[int, AlternativeKind]]:
        return {}

    @cached_property
    def _last_change_us(self) -> int:
        changes = [known[-1].since_us for known in self.known.values() if len(known) > 1]
        return max(changes, default=LONG_AGO - 1)

    def _paid_beside(self, key: FeeKey) -> set[tuple[str, int]]:
        """Return the pairs of class and rate that some key pays, or may pay by the schedule; 0 by the key's role."""
        paid = {(order_class, rate) for role, order_class, rate in self._paid if rate or role == key.role}
        line = self._line_of(key.market)
        if line is not None:
            paid.update(
                (order_class, line.rate(key._replace(order_class=order_class))) for order_class in ORDER_CLASSES
            )
        return paid

    @cached_property
    def _paid(self) -> frozenset[tuple[str, str, int]]:
        """Return what keys pay, and what lines tell, by role and class; lines name an asset instead of a role."""
        learnt = {(key.role, key.order_class, each.rate) for key, known in self.known.items() for each in known}
        return frozenset(learnt.union(_paid_by(self.told.values())))

    def _find_alternatives(self, key: FeeKey) -> dict[int, AlternativeKind]:
        found: dict[int, AlternativeKind] = {each.rate: "same_class" for each in self.rates(key)}
        if found and not certain(key):
            # An order that rested may have taken after all.
            for side in (1, -1, 0):
                for each in self.rates(FeeKey(key.role, side, TAKER_CLASS, key.market)):
                    found.setdefault(each.rate, "taker")
            found.update(dict.fromkeys(self.told_rates(key), "same_class"))
        found.update((each.rate, "mixed") for each in self.mixed.get(key, ()))
        return found


def _paid_by(lines: Iterable[ToldLine]) -> Iterator[tuple[str, str, int]]:
    """Yield the rates of lines by asset and class."""
    for line in lines:
        for order_class in ORDER_CLASSES:
            yield line.asset, order_class, line.taker if order_class == TAKER_CLASS else line.maker


def _lines_of(rules: Iterable[FeeRule]) -> dict[str, ToldLine]:
    """Return the lines by label; of lines with the same label the first applies."""
    lines: dict[str, ToldLine] = {}
    for rule in rules:
        maker = rule.maker if rule.maker is not None else rule.taker
        taker = rule.taker if rule.taker is not None else rule.maker
        if maker is None or taker is None or len(lines) == MAX_LINES:
            continue
        lines.setdefault(line_label(rule), ToldLine(rate_of(maker), rate_of(taker), rule.asset))
    return lines
